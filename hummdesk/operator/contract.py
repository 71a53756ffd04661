"""The command that prints the contract between clients and server."""

import click


@click.command("contract")
@click.option("--typescript", "form", flag_value="typescript", help="As types for socket.io-client.")
@click.option("--asyncapi", "form", flag_value="asyncapi", help="As an AsyncAPI 3 document.")
def contract_command(form: str | None) -> None:
    """Print the requests and events between clients and server."""
    import orjson

    from hummdesk.contract import asyncapi, typescript

    if form is None:
        raise click.UsageError("give --typescript or --asyncapi")
    if form == "typescript":
        click.echo(typescript.render(), nl=False)
    else:
        click.echo(orjson.dumps(asyncapi.document(), option=orjson.OPT_INDENT_2))
