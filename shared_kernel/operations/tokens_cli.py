"""Tokens at the command line: create, list, rotate, revoke."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import click
import msgspec

from shared_kernel.clock import Clock, rfc3339
from shared_kernel.doors.scopes import in_order, read_scopes
from shared_kernel.doors.tokens import Token, TokenError, Tokens
from shared_kernel.operations.terminal import show_table, storage_faults_reported

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_ONCE = "This token is shown only now; keep it where only its user can read it."


def tokens_group(
    tokens: Callable[[], Tokens], known: Sequence[str], clock: Clock
) -> click.Group:
    """`known` are all scopes."""
    group = click.Group(
        "tokens", help="Tokens that programs and people show, with AUTH=tokens."
    )

    @group.command("create")
    @click.option("--name", required=True, callback=_name, help="Whose it is: till-7.")
    @click.option(
        "--scope",
        required=True,
        metavar="SCOPE,…",
        help=f"What it may do, of {', '.join(known)}.",
    )
    @click.option(
        "--expires", metavar="TIME", callback=_time, help="After 12h, 90d or 8w."
    )
    def create(name: str, scope: str, expires: timedelta | None) -> None:
        """Make a token, and show it this once.

        \b
        Example:
          flask --app app tokens create --name till-7 --scope SCOPE,SCOPE --expires 90d
        """  # noqa: D301 - click takes \b as a character
        try:
            scopes = read_scopes(scope, known)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="'--scope'") from error
        until = None if expires is None else clock() + expires
        with _refusals_reported():
            _show(tokens().create(name, scopes, until))

    @group.command("list")
    @click.option("--json", "as_json", is_flag=True, help="One JSON document.")
    def show(as_json: bool) -> None:
        """List all tokens, also those that are no longer valid."""
        with _refusals_reported():
            found = [_described(each, known, clock()) for each in tokens().list()]
        if as_json:
            click.echo(msgspec.json.encode(found))
            return
        columns = ("name", "state", "scopes", "created", "expires", "used")
        show_table(columns, [[each[c] or "never" for c in columns] for each in found])

    @group.command("rotate")
    @click.argument("name")
    def rotate(name: str) -> None:
        """Show a new token in place of that of NAME, which is refused at once."""
        with _refusals_reported():
            _show(tokens().rotate(name))

    @group.command("revoke")
    @click.argument("name")
    def revoke(name: str) -> None:
        """Refuse the token of NAME at once, in every process."""
        with _refusals_reported():
            tokens().revoke(name)
        click.echo(f"{name}: revoked")

    return group


def _show(token: str) -> None:
    click.echo(_ONCE, err=True)
    click.echo(token)


def _described(
    token: Token, known: Sequence[str], now: datetime
) -> dict[str, str | None]:
    """`used` is exact to a minute."""
    expired = token.revoked is None and not token.is_valid(now)
    return {
        "name": token.name,
        "state": "revoked" if token.revoked else "expired" if expired else "valid",
        "scopes": ",".join(in_order(token.scopes, known)),
        "created": rfc3339(token.created),
        "expires": None if token.expires is None else rfc3339(token.expires),
        "used": None if token.used is None else rfc3339(token.used),
    }


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not _NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r}: expected 1 to 64 letters, digits, dots, _ and -"
        )
    return value


def _time(_: click.Context, __: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    number, unit = value[:-1], value[-1:]
    if unit not in _UNITS or not re.fullmatch(r"[1-9][0-9]{0,4}", number):
        raise click.BadParameter(
            f"{value!r}: expected hours, days or weeks, such as 90d"
        )
    return timedelta(**{_UNITS[unit]: int(number)})


@contextmanager
def _refusals_reported() -> Iterator[None]:
    try:
        with storage_faults_reported():
            yield
    except TokenError as error:
        raise click.ClickException(str(error)) from error
