"""The command line of the application, such as `storehouse serve`."""

from collections.abc import Callable

import click
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo

DISTRIBUTION = "storehouse"


class _CommandLine(FlaskGroup):
    """Flask's group for one given application, without an `--app` option."""

    def __init__(self, create_app: Callable[[], Flask], summary: str) -> None:
        super().__init__(
            name="storehouse",
            help=f"{summary} Settings are environment variables.",
            create_app=create_app,
            add_default_commands=False,
            add_version_option=False,
            set_debug_flag=False,
            load_dotenv=False,
        )
        # Without the options for the application, debug mode and the environment file.
        self.params = []

    def list_commands(self, ctx: click.Context) -> list[str]:
        try:
            ctx.ensure_object(ScriptInfo).load_app()
        except click.ClickException as refusal:
            # `--help` works even if the application cannot be created.
            refusal.show()
            return click.Group.list_commands(self, ctx)
        return super().list_commands(ctx)


def command_line(
    create_app: Callable[[], Flask], serve: Callable[[], None], summary: str
) -> click.Group:
    """The commands of `create_app`, and `serve`, which creates it in its workers."""
    cli = _CommandLine(create_app, summary)

    @cli.command("serve")
    def serve_until_told() -> None:
        """Serve until told to stop, at HOST and PORT."""
        serve()

    return click.version_option(package_name=DISTRIBUTION)(cli)
