"""The commands `schemas check` and `schemas release`."""

from collections.abc import Sequence

import click

from shared_kernel.operations.releases import VERSION, differences, release
from shared_kernel.runtime.context import Context


def schemas_group(contexts: Sequence[Context]) -> click.Group:
    publishing = [context for context in contexts if context.published]

    @click.group("schemas")
    def schemas() -> None:
        """Compare the published events with those of earlier releases."""

    @schemas.command()
    def check() -> None:
        """Show what changed since each release; fail if that breaks a reader."""
        found = differences(publishing)
        for difference in found:
            if not difference.change.breaks:
                click.echo(difference)
        broken = [str(each) for each in found if each.change.breaks]
        if broken:
            raise click.ClickException("\n".join(["readers break:", *broken]))
        click.echo("No reader breaks.")

    @schemas.command("release")
    @click.argument("version")
    def keep(version: str) -> None:
        """Keep today's schemas as those of release VERSION, such as 0.2.0."""
        if not VERSION.fullmatch(version):
            raise click.UsageError(f"{version!r} is no version; expected e.g. 0.2.0")
        if broken := [str(e) for e in differences(publishing) if e.change.breaks]:
            raise click.ClickException("\n".join(["readers break:", *broken]))
        for context in publishing:
            click.echo(release(context, version))

    return schemas
