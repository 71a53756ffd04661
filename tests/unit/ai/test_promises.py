"""Promises in Spanish, Italian, Portuguese, Dutch and Polish; those in other languages are in `test_facts.py`."""

import json
from pathlib import Path
from typing import Any

import pytest

from hummdesk.ai.facts import facts, unsupported, values

FACTS = Path(__file__).parents[3] / "hummdesk" / "ai" / "facts"

PROMISES = {
    "es": [
        ("Le reembolsaremos el importe.", {"will:refund"}),
        ("Su dinero ha sido devuelto.", {"done:refund"}),
        ("Hemos revisado y cancelado su pedido.", {"done:check", "done:cancel"}),
        ("Ya cancelamos la suscripción.", {"done:cancel"}),
        ("Cancelé su pedido ayer.", {"done:cancel"}),
        ("Vamos a enviarle otro paquete.", {"will:send"}),
        ("Su pedido se ha enviado.", {"done:send"}),
        ("El aparato será reemplazado.", {"will:replace"}),
        ("Podemos compensarle con un bono.", {"will:credit"}),
        ("Nuestro equipo de soporte le llamará.", {"will:contact"}),
        ("Estamos revisando su caso.", {"will:check"}),
        ("Lo compruebo y le aviso.", {"will:check", "will:contact"}),
        ("Repararemos el teléfono.", {"will:repair"}),
        ("Hemos eliminado sus datos.", {"done:delete"}),
        ("La dirección fue modificada.", {"done:change"}),
        ("Le hemos reservado una cita.", {"done:book"}),
        ("Prorrogamos su contrato.", {"will:extend"}),
        ("Le garantizamos la entrega.", {"will:guarantee"}),
        ("He desbloqueado su cuenta.", {"done:access"}),
        ("Trasladaremos su queja.", {"will:escalate"}),
        ("Nos encargamos de todo.", {"will:handle"}),
        ("Su solicitud está aprobada.", {"will:process"}),
        ("Aceptamos la devolución.", {"will:accept"}),
        ("Se le cobrará una sola vez.", {"will:charge"}),
        ("Pagaremos los gastos.", {"will:pay"}),
        ("Recibirá un reembolso completo.", {"will:refund"}),
        ("No se preocupe, reembolsaremos todo.", {"will:refund"}),
        ("No se preocupe porque reembolsaremos todo.", {"will:refund"}),
        ("No tiene que hacer nada y reembolsaremos todo.", {"will:refund"}),
        ("No cancelamos sino reembolsamos.", {"will:refund"}),
        ("No podemos cancelar pero vamos a reembolsar.", {"will:refund"}),
        ("Se cancelará y reembolsará. El pedido se cancela.", {"will:cancel", "will:refund"}),
        ("Se canceló el pedido.", {"done:cancel"}),
        ("Si lo desea cancelamos el pedido y lo enviamos.", {"will:cancel", "will:send"}),
        ("Si bien hemos cancelado el pedido, díganos si lo modificamos.", {"done:cancel"}),
        ("Si, hemos cancelado el pedido.", {"done:cancel"}),
    ],
    "it": [
        ("Rimborseremo l'importo.", {"will:refund"}),
        ("Il denaro è stato rimborsato.", {"done:refund"}),
        ("Abbiamo verificato e annullato l'ordine.", {"done:check", "done:cancel"}),
        ("Annullerò l'ordine.", {"will:cancel"}),
        ("Le abbiamo già spedito il pacco.", {"done:send"}),
        ("Provvederemo a spedire un altro pacco.", {"will:send"}),
        ("L'apparecchio verrà sostituito.", {"will:replace"}),
        ("Possiamo accreditare la somma.", {"will:credit"}),
        ("Un collega del reparto la contatterà.", {"will:contact"}),
        ("Stiamo verificando il problema.", {"will:check"}),
        ("Le invio la fattura.", {"will:send"}),
        ("Risolveremo il guasto.", {"will:repair"}),
        ("Ho eliminato i dati.", {"done:delete"}),
        ("L'indirizzo è stato modificato.", {"done:change"}),
        ("Abbiamo prenotato la visita.", {"done:book"}),
        ("Il contratto sarà prolungato.", {"will:extend"}),
        ("Garantiamo la consegna.", {"will:guarantee"}),
        ("Il suo account è stato sbloccato.", {"done:access"}),
        ("Inoltreremo la richiesta.", {"will:escalate"}),
        ("Gestiremo il reclamo.", {"will:handle"}),
        ("La richiesta è stata approvata.", {"done:process"}),
        ("Accettiamo il reso.", {"will:accept"}),
        ("L'importo si addebita una sola volta.", {"will:charge"}),
        ("Si addebiterà una sola volta.", {"will:charge"}),
        ("Pagheremo le spese.", {"will:pay"}),
        ("Riceverà un buono.", {"will:credit"}),
        ("Non si preoccupi, rimborseremo tutto.", {"will:refund"}),
    ],
    "pt": [
        ("Reembolsaremos o valor.", {"will:refund"}),
        ("O dinheiro foi devolvido.", {"done:refund"}),
        ("Verificámos e cancelámos a encomenda.", {"done:check", "done:cancel"}),
        ("Já cancelamos a assinatura.", {"done:cancel"}),
        ("Cancelei o pedido.", {"done:cancel"}),
        ("Vamos enviar outro pacote.", {"will:send"}),
        ("Enviar-lhe-emos a fatura.", {"will:send"}),
        ("Envio-lhe a fatura, e te envio o recibo.", {"will:send"}),
        ("O aparelho será substituído.", {"will:replace"}),
        ("Podemos creditar o valor.", {"will:credit"}),
        ("A nossa equipa de apoio informará o resultado.", {"will:contact"}),
        ("Estamos a verificar o caso.", {"will:check"}),
        ("Vou resolver o problema.", {"will:repair"}),
        ("Seus dados foram excluídos.", {"done:delete"}),
        ("O endereço foi alterado.", {"done:change"}),
        ("Agendámos a visita.", {"done:book"}),
        ("Prorrogaremos o contrato.", {"will:extend"}),
        ("Garantimos a entrega.", {"will:guarantee"}),
        ("Desbloqueamos a sua conta.", {"will:access"}),
        ("Encaminharei o seu pedido.", {"will:escalate"}),
        ("Tratamos de tudo.", {"will:handle"}),
        ("O pedido foi aprovado.", {"done:process"}),
        ("Aceitamos a devolução.", {"will:accept"}),
        ("O valor será debitado.", {"will:charge"}),
        ("O valor será creditado no seu cartão.", {"will:credit"}),
        ("Pagaremos as despesas.", {"will:pay"}),
        ("Receberá um reembolso.", {"will:refund"}),
        ("Não se preocupe, reembolsaremos tudo.", {"will:refund"}),
    ],
    "nl": [
        ("Wij betalen het bedrag terug.", {"will:refund"}),
        ("Uw geld is teruggestort.", {"done:refund"}),
        ("We hebben uw bestelling gecontroleerd en geannuleerd.", {"done:check", "done:cancel"}),
        ("Uw abonnement werd opgezegd.", {"done:cancel"}),
        ("Ik stuur u de factuur.", {"will:send"}),
        ("Het pakket is verzonden.", {"done:send"}),
        ("Het toestel wordt vervangen.", {"will:replace"}),
        ("Wij compenseren de kosten.", {"will:credit"}),
        ("Onze collega belt u morgenochtend.", {"will:contact"}),
        ("We nemen contact met u op.", {"will:contact"}),
        ("We zoeken het voor u uit.", {"will:check"}),
        ("De monteur zal het herstellen.", {"will:repair"}),
        ("Uw gegevens zijn verwijderd.", {"done:delete"}),
        ("Wij hebben uw adres aangepast.", {"done:change"}),
        ("Ik heb een tafel gereserveerd.", {"done:book"}),
        ("We verlengen uw contract.", {"will:extend"}),
        ("Wij garanderen de levering.", {"will:guarantee"}),
        ("Uw account is gedeblokkeerd.", {"done:access"}),
        ("We sturen uw klacht door.", {"will:escalate"}),
        ("Wij regelen het.", {"will:handle"}),
        ("Uw aanvraag is goedgekeurd.", {"done:process"}),
        ("Wij accepteren het.", {"will:accept"}),
        ("Het bedrag wordt afgeschreven.", {"will:charge"}),
        ("We maken het bedrag over.", {"will:pay"}),
        ("U krijgt uw geld.", {"will:refund"}),
    ],
    "pl": [
        ("Zwrócimy całą kwotę.", {"will:refund"}),
        ("Pieniądze zostały zwrócone.", {"done:refund"}),
        ("Pieniądze zostaną w ciągu kilku dni zwrócone na konto.", {"will:refund"}),
        ("Sprawdziliśmy i anulowaliśmy zamówienie.", {"done:check", "done:cancel"}),
        ("Zamówienie anulowano.", {"done:cancel"}),
        ("Możemy to dla Państwa anulować.", {"will:cancel"}),
        ("Wyślemy nową paczkę.", {"will:send"}),
        ("Wysłałam fakturę.", {"done:send"}),
        ("Urządzenie zostanie wymienione.", {"will:replace"}),
        ("Przyznaliśmy rabat.", {"done:credit"}),
        ("Skontaktujemy się z Państwem.", {"will:contact"}),
        ("Nasz konsultant oddzwoni.", {"will:contact"}),
        ("Sprawdzę to.", {"will:check"}),
        ("Naprawimy telefon.", {"will:repair"}),
        ("Usunęliśmy dane.", {"done:delete"}),
        ("Adres został zmieniony.", {"done:change"}),
        ("Zarezerwowałem termin.", {"done:book"}),
        ("Przedłużymy umowę.", {"will:extend"}),
        ("Gwarantujemy dostawę.", {"will:guarantee"}),
        ("Konto zostało odblokowane.", {"done:access"}),
        ("Przekażemy sprawę dalej.", {"will:escalate"}),
        ("Zajmiemy się tym.", {"will:handle"}),
        ("Wystawimy korektę.", {"will:process"}),
        ("Przyjmujemy zwrot.", {"will:accept"}),
        ("Opłata będzie pobrana raz.", {"will:charge"}),
        ("Wypłacimy odszkodowanie.", {"will:pay"}),
        ("Otrzyma Pan pełny zwrot.", {"will:refund"}),
    ],
}
NONE = {
    "es": [
        "Puede cancelar el pedido en su cuenta.",
        "Envíenos una foto y cancele el pedido.",
        "No reembolsamos los gastos. Nunca cobramos dos veces. No podemos cancelar. No se le ha enviado.",
        "¿Quiere que cancelemos el pedido?",
        "El reembolso y el cambio son gratuitos. El envío es rápido.",
        "Podemos ayudarle a cancelar.",
        "Lamentamos lo ocurrido. Estamos aquí para usted.",
        "No recibirá ningún reembolso.",
        "No podemos cancelar o modificar pedidos. No hemos revisado y cancelado nada. No reembolsamos o cambiamos.",
        "No podemos cancelar, modificar o reembolsar. Ni reembolsamos ni cambiamos.",
        "No se reembolsará el importe. No se modifica. No le modifico nada.",
        "Si verifica su correo, si modifica la cuenta y si elimina un artículo, lo verá.",
        "Recuerde que si anula es tarde.",
        "Dígame si hemos cancelado el pedido. Avísenos si le reembolsamos el importe. No sé si ya le he enviado algo.",
        "Díganos por favor si modifica la dirección. Confirme si cambia la cuenta. Vea si se cancela o si se canceló.",
        "Veremos si podemos cancelar. Díganos si le cancelo el pedido. Vea si se ha enviado o si será reemplazado.",
    ],
    "it": [
        "Può annullare l'ordine nel suo account.",
        "Ci invii una foto e annulli l'ordine.",
        "Non rimborsiamo le spese. Non possiamo cambiare la data.",
        "Vuole che annulliamo l'ordine?",
        "Il rimborso e il cambio sono gratuiti. Lo scambio richiede tempo.",
        "Ci dispiace. Siamo qui per lei.",
        "Non riceverà alcun rimborso.",
        "Se modifica l'ordine, ma se cancella i dati, lo vedrà.",
        "Non possiamo annullare o modificare. Non rimborsiamo o sostituiamo. Non le modifichiamo.",
    ],
    "pt": [
        "Pode cancelar a encomenda na sua conta.",
        "Envie uma foto e cancele o pedido.",
        "Não reembolsamos os portes. Não podemos alterar a data.",
        "Quer que cancelemos o pedido?",
        "O reembolso e o envio são gratuitos.",
        "Lamentamos. Estamos aqui para ajudar.",
        "Não receberá reembolso.",
        "Não podemos cancelar ou alterar pedidos.",
        "Se cancela o pedido antes do envio, o valor volta. Se cancelou o pedido, nada resta.",
        "O valor volta, mas se cancela hoje, não.",
    ],
    "nl": [
        "U kunt de bestelling in uw account annuleren.",
        "Stuur een foto naar ons team en annuleer de bestelling.",
        "Wij vergoeden de verzendkosten niet. We kunnen geen datum wijzigen.",
        "Zullen we de bestelling annuleren?",
        "Wij vragen u het pakket te sturen.",
        "Het spijt ons. Wij begrijpen het.",
        "U krijgt geen geld.",
        "Unser Team lässt Sie wissen, was zu tun ist. Our team found a lever.",
    ],
    "pl": [
        "Może Pan anulować zamówienie na swoim koncie.",
        "Prosimy o przesłanie zdjęcia i kontakt z naszym zespołem.",
        "Nie zwracamy kosztów. Nie możemy zmienić daty.",
        "Czy mamy anulować zamówienie?",
        "Prosimy zgłosić naprawę. Zwrot jest bezpłatny.",
        "Przykro nam. Rozumiemy ten problem.",
        "Nie otrzyma Pan zwrotu.",
        "Nie możemy anulować lub zmienić zamówienia.",
    ],
}


def promises(text: str) -> set[str]:
    readings = {reading for fact in facts(text) for reading in fact.readings}
    return {one.removeprefix("promise:") for one in readings if one.startswith("promise:")}


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(*pair, id=f"{one}-{pair[0]}") for one in PROMISES for pair in PROMISES[one]]
)
def test_promises_of_a_text_in_its_language(text: str, expected: set[str]) -> None:
    assert promises(text) == expected


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{one}-{text}") for one in NONE for text in NONE[one]])
def test_request_question_and_denial_are_no_promise(text: str) -> None:
    assert promises(text) == set()


def test_each_action_of_a_language_has_an_example() -> None:
    for language, pairs in PROMISES.items():
        found = {one.split(":")[1] for _, expected in pairs for one in expected}
        assert found == set(_table(language)["verbs"]), language


def test_languages_have_the_same_actions() -> None:
    actions = {language: set(_table(language)["verbs"]) for language in PROMISES}
    assert all(one == actions["es"] for one in actions.values())
    assert len(actions["es"]) == 20


@pytest.mark.parametrize(
    "same",
    [
        ("we refund", "reembolsaremos", "rimborseremo", "vamos reembolsar", "wij betalen terug", "zwrócimy"),
        (
            "we have cancelled it",
            "ha sido cancelado",
            "è stato annullato",
            "foi cancelado",
            "het is geannuleerd",
            "zostało anulowane",
        ),
    ],
)
def test_promise_is_supported_in_any_language(same: tuple[str, ...]) -> None:
    for one in same:
        assert all(unsupported(one, [values(other)]) is None for other in same)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("Hemos reembolsado el importe.", "Reembolsamos el importe."),
        ("Abbiamo annullato l'ordine.", "Annulliamo l'ordine."),
        ("O pedido foi cancelado.", "O pedido será cancelado."),
        ("We hebben het geannuleerd.", "We annuleren het."),
        ("Zwróciliśmy kwotę.", "Zwracamy kwotę."),
        ("Zwrócimy kwotę.", "Nie zwracamy kwoty."),
        ("Zmieniamy zamówienie.", "Nie możemy anulować lub zmienić zamówienia."),
        ("Podemos modificar su pedido.", "No podemos cancelar o modificar pedidos."),
        ("Possiamo modificare l'ordine.", "Non possiamo annullare o modificare ordini."),
        ("Podemos alterar o pedido.", "Não podemos cancelar ou alterar pedidos."),
        ("Reembolsaremos los gastos.", "Puede pedir un reembolso."),
    ],
)
def test_other_promise_is_unsupported_in_its_language(said: str, source: str) -> None:
    assert unsupported(said, [values(source)]) is not None


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("tres días hábiles", "3 giorni lavorativi"),
        ("due settimane", "duas semanas"),
        ("trinta dias", "dertig dagen"),
        ("czternaście dni", "quattordici giorni"),
        ("od trzech do pięciu dni roboczych", "3-5 werkdagen"),
        ("un giorno lavorativo", "een werkdag"),
        ("3 maja 2026", "3 de maio de 2026"),
        ("środa", "miércoles"),
        ("mañana", "jutro"),
        ("50 złotych", "PLN 50"),
    ],
)
def test_number_and_date_in_words_are_supported_in_any_language(said: str, source: str) -> None:
    assert facts(said)
    assert unsupported(said, [values(source)]) is None
    assert unsupported(source, [values(said)]) is None


@pytest.mark.parametrize(
    "text",
    [
        "Lei sei qui.",
        "Dois deixar.",
        "Bel onze klantenservice.",
        "Ten produkt działa świetnie, proszę spróbować.",
        "Por la mañana",
        "Sei ora iscritto. Sto ora leggendo.",
    ],
)
def test_word_that_is_a_number_in_another_language_is_none(text: str) -> None:
    assert facts(text) == []


def _table(language: str) -> dict[str, Any]:
    for name in ("promises.json", "inflected_promises.json"):
        tables: dict[str, Any] = json.loads((FACTS / name).read_text(encoding="utf-8"))
        if language in tables:
            found: dict[str, Any] = tables[language]
            return found
    raise KeyError(language)
