"""`convcli completion`: the script that makes a shell complete convcli's words."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from convcli.cli.choices import Command, Word
from convcli.cli.options import common

SHELLS = {
    "bash": 'add to ~/.bashrc:  eval "$(convcli completion bash)"',
    "zsh": 'add to ~/.zshrc:   eval "$(convcli completion zsh)"',
    "fish": "convcli completion fish > ~/.config/fish/completions/convcli.fish",
    "powershell": "add to $PROFILE:   convcli completion powershell | Out-String | iex",
}

EXAMPLES = "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in SHELLS.values())


@click.command("completion", cls=Command, epilog=EXAMPLES)
@click.argument("shell", type=Word(SHELLS), metavar="SHELL", help=", ".join(SHELLS))
@common
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """
    Print the script that makes a shell complete convcli's words.

    Commands, options, their words and the names of all kernels are completed; the words and the
    kernels with their explanations, where the shell can show them.
    """
    complete = get_completion_class(shell)
    if complete is None:
        raise click.BadParameter(f"this click knows no {shell}.", ctx, param_hint="SHELL")
    script = complete(ctx.find_root().command, {}, "convcli", "_CONVCLI_COMPLETE").source()
    click.echo(script)
