"""The command that prints the contract between clients and server."""

from collections.abc import Callable

import click

FORMS = {
    "typescript": "As types for socket.io-client.",
    "typescript-rest": "The REST API as a class of @hummdesk/client.",
    "python-socket": "As a module of hummdesk-client.",
    "python-rest": "The REST API as a module of hummdesk-client.",
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

    from hummdesk.contract import asyncapi, openapi, python_client, typescript, typescript_rest

    if form is None:
        raise click.UsageError(f"give one of --{', --'.join(FORMS)}")
    texts = {
        "typescript": typescript.render,
        "typescript-rest": typescript_rest.render,
        "python-socket": python_client.render_socket,
        "python-rest": python_client.render_rest,
    }
    documents = {"asyncapi": asyncapi.document, "openapi": openapi.document}
    if form in texts:
        click.echo(texts[form](), nl=False)
    else:
        click.echo(orjson.dumps(documents[form](), option=orjson.OPT_INDENT_2))
