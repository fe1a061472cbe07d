"""Who does something with dead letters, and why: options of commands."""

import getpass
import os

import click

from shared_kernel.operations.terminal import has_a_terminal


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may have no name for its user.
        return f"user {os.getuid()}"


def _reason(_: click.Context, option: click.Parameter, text: str | None) -> str:
    """Asked for in a terminal, where it is not given."""
    if text is None and has_a_terminal():
        text = str(click.prompt("Why"))
    if text is None or not text.strip():
        raise click.BadParameter("expected a reason, which is recorded", param=option)
    return text


WHO = click.option(
    "--who", default=_login, show_default="your login", help="Is recorded."
)
WHY = click.option("--why", default="", help="Is recorded.")
NEEDS_WHY = click.option("--why", callback=_reason, help="The reason; is recorded.")
