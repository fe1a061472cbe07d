"""Tokens of a shop, on each database; every process sees each change at once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared_kernel.doors.principal import Principal
from shared_kernel.doors.tokens import (
    REVISIONS,
    TokenExistsError,
    Tokens,
    UnknownTokenError,
)
from shared_kernel.migrations.migrate import Schema
from shared_kernel.storage.database import Database
from tests.postgres_server import PostgresServer
from tests.shared_kernel.events.builders import ManualClock
from tests.storehouses import ON_EACH_DATABASE

SCOPES = frozenset({"lamps:read", "lamps:write"})


@pytest.fixture(params=ON_EACH_DATABASE)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/access.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    server.create("access")
    yield server.url("access", "public")
    server.drop("access")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def processes(url: str, clock: ManualClock) -> Iterator[tuple[Tokens, Tokens]]:
    """Two of the same shop."""
    databases = Database(url), Database(url)
    Schema("access", databases[0], REVISIONS).upgrade()
    yield Tokens(databases[0], clock), Tokens(databases[1], clock)
    for each in databases:
        each.close()


@pytest.fixture
def tokens(processes: tuple[Tokens, Tokens]) -> Tokens:
    return processes[0]


@pytest.fixture
def elsewhere(processes: tuple[Tokens, Tokens]) -> Tokens:
    return processes[1]


def test_a_token_shows_whose_it_is(tokens: Tokens, elsewhere: Tokens) -> None:
    token = tokens.create("till-7", SCOPES)

    for each in (tokens, elsewhere):
        assert each.principal(token) == Principal("till-7", SCOPES)


def test_only_a_digest_is_kept(tokens: Tokens) -> None:
    token = tokens.create("till-7", SCOPES)

    with tokens.database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM tokens").all()

    assert token not in repr(rows)
    assert token[3:20] not in repr(rows)


def test_a_revoked_token_is_refused_at_once_in_every_process(
    tokens: Tokens, elsewhere: Tokens
) -> None:
    token = tokens.create("till-7", SCOPES)
    assert elsewhere.principal(token) is not None

    tokens.revoke("till-7")

    assert elsewhere.principal(token) is None
    with pytest.raises(UnknownTokenError, match="no valid token till-7"):
        tokens.revoke("till-7")


def test_a_rotated_token_has_the_same_scopes(tokens: Tokens, elsewhere: Tokens) -> None:
    former = tokens.create("till-7", SCOPES)

    token = tokens.rotate("till-7")

    assert elsewhere.principal(former) is None
    assert elsewhere.principal(token) == Principal("till-7", SCOPES)


def test_a_token_expires(tokens: Tokens, clock: ManualClock) -> None:
    token = tokens.create("till-7", SCOPES, clock() + timedelta(days=1))

    clock.advance(24 * 3600 - 1)
    assert tokens.principal(token) is not None
    clock.advance(1)
    assert tokens.principal(token) is None


def test_a_name_is_given_again_only_after_its_token_was_revoked(tokens: Tokens) -> None:
    former = tokens.create("till-7", SCOPES)
    with pytest.raises(TokenExistsError, match="rotate it"):
        tokens.create("till-7", SCOPES)
    tokens.revoke("till-7")

    token = tokens.create("till-7", frozenset({"lamps:read"}))

    assert tokens.principal(former) is None
    assert tokens.principal(token) == Principal("till-7", frozenset({"lamps:read"}))


def test_a_token_that_has_expired_is_not_rotated_but_made_anew(
    tokens: Tokens, clock: ManualClock
) -> None:
    tokens.create("till-7", SCOPES, clock() + timedelta(days=1))
    clock.advance(24 * 3600)

    with pytest.raises(UnknownTokenError, match="no valid token till-7"):
        tokens.rotate("till-7")
    token = tokens.create("till-7", SCOPES)

    assert tokens.principal(token) == Principal("till-7", SCOPES)


def test_the_last_use_is_known_to_a_minute(tokens: Tokens, clock: ManualClock) -> None:
    token = tokens.create("till-7", SCOPES)
    begun = clock()
    assert [each.used for each in tokens.list()] == [None]

    for _ in range(4):
        tokens.principal(token)
        clock.advance(50)

    (found,) = tokens.list()
    assert found.used == begun + timedelta(seconds=100)


def test_what_is_unknown_is_none(tokens: Tokens) -> None:
    token = tokens.create("till-7", SCOPES)
    tokens.revoke("till-7")

    for shown in (token, "", "sh_", token[:-1]):
        assert tokens.principal(shown) is None
    for change in (tokens.rotate, tokens.revoke):
        with pytest.raises(UnknownTokenError):
            change("till-8")
