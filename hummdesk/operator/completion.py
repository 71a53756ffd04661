"""The command that prints a shell's completion script."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "hummdesk"
VARIABLE = "_HUMMDESK_COMPLETE"
"""In which the script passes its question back to the program, as click expects."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash:  eval "$(hummdesk completion bash)"         in ~/.bashrc
    zsh:   eval "$(hummdesk completion zsh)"          in ~/.zshrc
    fish:  hummdesk completion fish > ~/.config/fish/completions/hummdesk.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
