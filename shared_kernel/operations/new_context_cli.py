"""The command `new-context`: adds a small, complete bounded context."""

from collections.abc import Sequence
from pathlib import Path

import click

from shared_kernel.operations.new_context import NewContext, NewContextError
from shared_kernel.operations.skeleton import Words
from shared_kernel.runtime.context import Context


def new_context_command(contexts: Sequence[Context]) -> click.Command:
    @click.command("new-context", no_args_is_help=True)
    @click.argument("name")
    @click.option(
        "--aggregate", required=True, help="The name of its aggregate, such as order."
    )
    @click.option("--plural", help="The plural of the aggregate, if it is irregular.")
    def new_context(name: str, aggregate: str, plural: str | None) -> None:
        """Add the bounded context NAME to this project, small and complete.

        It has an aggregate with a command and its refusals, a repository, migrations, a
        published event with its schema, a subscription to the first context through an
        anti-corruption layer, a read model, two routes, a feature and tests; it is
        listed in app.py, in the import contracts and in docs/running.md.

        Its template is samples/skeleton, which you may change. Existing files are not
        overwritten.
        """
        words = Words(name, aggregate, plural or f"{aggregate}s")
        new = NewContext(Path.cwd(), words, contexts)
        try:
            written = new.write()
            new.finish(written)
        except NewContextError as error:
            raise click.ClickException(str(error)) from error
        for path in written:
            click.echo(path)
        click.echo(
            f"\nAdded the context {name}. Next steps:\n"
            "  make check\n"
            "  make run, and then\n"
            f"  curl -X PUT localhost:8000/{words.many}/{aggregate.upper()}-1 "
            '--json \'{"sku": "LAMP-0001"}\'\n'
            f"  docs/a-third-context.md walks through {name}/"
        )

    return new_context
