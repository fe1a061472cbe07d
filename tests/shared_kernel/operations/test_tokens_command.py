"""`flask --app app tokens`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from app import Settings, assemble
from shared_kernel.runtime.running import RunningServices
from tests.shared_kernel.events.builders import ManualClock
from tests.storehouses import commands_of, run, urls


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def shop(tmp_path: Path, clock: ManualClock) -> Iterator[RunningServices]:
    where = f"sqlite:///{tmp_path}/access.db"
    settings = Settings(**urls(tmp_path), access_database_url=where)
    shop = assemble(settings, clock=clock)
    yield shop
    shop.stop()


def tokens(shop: RunningServices, *arguments: str) -> Result:
    return run(commands_of(shop, "tokens"), *arguments)


def created(shop: RunningServices, *more: str) -> str:
    result = tokens(
        shop, "create", "--name", "till-7", "--scope", "catalog:read,operator", *more
    )
    assert result.exit_code == 0, result.output
    assert "shown only now" in result.stderr
    return result.stdout.strip()


def test_a_token_is_shown_once_and_listed_without_it(
    shop: RunningServices, clock: ManualClock
) -> None:
    token = created(shop, "--expires", "90d")
    assert shop.tokens.principal(token) is not None

    listed = tokens(shop, "list", "--json").stdout

    assert token not in listed
    assert json.loads(listed) == [
        {
            "name": "till-7",
            "state": "valid",
            "scopes": "catalog:read,operator",
            "created": "2026-03-01T12:00:00Z",
            "expires": "2026-05-30T12:00:00Z",
            "used": "2026-03-01T12:00:00Z",
        }
    ]
    clock.advance(90 * 24 * 3600)
    assert json.loads(tokens(shop, "list", "--json").stdout)[0]["state"] == "expired"


def test_a_token_is_rotated_and_revoked(shop: RunningServices) -> None:
    first = created(shop)

    second = tokens(shop, "rotate", "till-7").stdout.strip()
    assert shop.tokens.principal(first) is None
    assert shop.tokens.principal(second) is not None

    assert tokens(shop, "revoke", "till-7").stdout == "till-7: revoked\n"
    assert shop.tokens.principal(second) is None
    assert "revoked" in tokens(shop, "list").stdout
    for command in ("rotate", "revoke"):
        again = tokens(shop, command, "till-7")
        assert again.exit_code == 1
        assert "there is no valid token till-7" in again.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scope", "catalog:read"], "Missing option '--name'"),
        (["--name", "a b", "--scope", "operator"], "'a b': expected 1 to 64 letters"),
        (["--name", "x", "--scope", "catalog"], "catalog is unknown: expected some of"),
        (["--name", "x", "--scope", ","], "none is given: expected some of"),
        (
            ["--name", "x", "--scope", "operator", "--expires", "90"],
            "'90': expected hours, days or weeks, such as 90d",
        ),
        (["--name", "x", "--scope", "operator", "--expires", "0d"], "such as 90d"),
    ],
)
def test_what_is_given_wrongly_is_named(
    shop: RunningServices, arguments: list[str], told: str
) -> None:
    result = tokens(shop, "create", *arguments)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
    assert json.loads(tokens(shop, "list", "--json").stdout) == []


def test_a_name_is_not_given_twice(shop: RunningServices) -> None:
    created(shop)

    again = tokens(shop, "create", "--name", "till-7", "--scope", "operator")

    assert again.exit_code == 1
    assert "a token till-7 exists already" in again.output
