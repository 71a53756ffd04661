"""The command that prints the contract between clients and server."""

from collections.abc import Callable

import click

FORMS = {
    "typescript": "As types for socket.io-client.",
    "asyncapi": "As an AsyncAPI 3 document.",
    "openapi": "The REST API as an OpenAPI 3.1 document.",
}


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for form, text in reversed(FORMS.items()):
        command = click.option(f"--{form}", "form", flag_value=form, help=text)(command)
    return command


@click.command("contract")
@_options
def contract_command(form: str | None) -> None:
    """Print the requests and events between clients and server, or the REST API."""
    import orjson

    from hummdesk.contract import asyncapi, openapi, typescript

    if form is None:
        raise click.UsageError(f"give one of --{', --'.join(FORMS)}")
    documents = {"asyncapi": asyncapi.document, "openapi": openapi.document}
    if form == "typescript":
        click.echo(typescript.render(), nl=False)
    else:
        click.echo(orjson.dumps(documents[form](), option=orjson.OPT_INDENT_2))
