"""The tokens of a shop, in a database that all its processes share.

TokenError
├── TokenExistsError    there is one of this name
└── UnknownTokenError   there is none that is valid
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import attrs
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from shared_kernel.clock import Clock, from_us, to_us
from shared_kernel.doors.principal import Principal
from shared_kernel.doors.secrets_of_tokens import digest_of, new_token
from shared_kernel.storage.database import Database
from shared_kernel.storage.errors import is_fault
from shared_kernel.storage.prepared import Prepared

REVISIONS = Path(__file__).parent / "migrations"
USED_EVERY_US = 60_000_000
"""How exact the last use of a token is: each use would be a commit otherwise."""

_table = sa.table(
    "tokens",
    sa.column("name", sa.String),
    sa.column("digest", sa.LargeBinary),
    sa.column("scopes", sa.Text),
    sa.column("created_us", sa.BigInteger),
    sa.column("expires_us", sa.BigInteger),
    sa.column("used_us", sa.BigInteger),
    sa.column("revoked_us", sa.BigInteger),
)
_named = _table.c.name == sa.bindparam("name_", type_=sa.String)
_valid = _table.c.revoked_us.is_(None)
_FIND = Prepared(
    sa.select(_table.c.name, _table.c.scopes, _table.c.expires_us, _table.c.used_us)
    .where(_table.c.digest == sa.bindparam("digest", type_=sa.LargeBinary))
    .where(_valid)
)
_LIST = sa.select(_table).order_by(_table.c.name)
_INSERT = sa.insert(_table)
_REPLACE = sa.update(_table).where(_named)
_USED = (
    sa.update(_table)
    .where(_named, _valid)
    .values(used_us=sa.bindparam("now_us", type_=sa.BigInteger))
)

_log = structlog.get_logger(__name__)


class TokenError(Exception):
    """The message says what would be right."""


class TokenExistsError(TokenError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"a token {name} exists already: choose another name, or rotate it"
        )


class UnknownTokenError(TokenError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no valid token {name}: `tokens list` shows them")


@attrs.frozen(kw_only=True)
class Token:
    """What is known of a token; not the token itself."""

    name: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None
    used: datetime | None
    revoked: datetime | None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked is None and (self.expires is None or now < self.expires)


class Tokens:
    """Each method commits at once, so all processes see it with their next request."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock

    def create(
        self, name: str, scopes: frozenset[str], expires: datetime | None = None
    ) -> str:
        """The new token, which cannot be shown again. Raises TokenExistsError.

        A name may be given again when its token is no longer valid.
        """
        token = new_token()
        row = self._row(name, token, scopes, expires)
        with self.database.writing() as connection:
            existing = self._of(connection).get(name)
            if existing is not None and existing.is_valid(self._clock()):
                raise TokenExistsError(name)
            if existing is None:
                connection.execute(_INSERT, row)
            else:
                connection.execute(_REPLACE.values(row), {"name_": name})
        return token

    def rotate(self, name: str) -> str:
        """A new token in place of the present one. Raises UnknownTokenError."""
        token = new_token()
        with self.database.writing() as connection:
            self._existing(connection, name)
            connection.execute(
                _REPLACE.values(digest=digest_of(token), used_us=None), {"name_": name}
            )
        return token

    def revoke(self, name: str) -> None:
        """Raises UnknownTokenError."""
        with self.database.writing() as connection:
            self._existing(connection, name)
            connection.execute(
                _REPLACE.values(revoked_us=to_us(self._clock())), {"name_": name}
            )

    def list(self) -> list[Token]:
        """By name."""
        with self.database.reading() as connection:
            return list(self._of(connection).values())

    def principal(self, shown: str) -> Principal | None:
        """Whose token `shown` is; None if it is not valid."""
        digest = digest_of(shown)
        if digest is None:
            return None
        with self.database.reading() as connection:
            row = _FIND.row(connection, {"digest": digest})
        if row is None:
            return None
        name, scopes, expires_us, used_us = row
        now_us = to_us(self._clock())
        if expires_us is not None and now_us >= expires_us:
            return None
        if used_us is None or not 0 <= now_us - used_us < USED_EVERY_US:
            self._remember_use(name, now_us)
        return Principal(name, frozenset(scopes.split(",")))

    def _remember_use(self, name: str, now_us: int) -> None:
        """Where that fails, as on a full disk, the token is as valid as before."""
        try:
            with self.database.writing() as connection:
                connection.execute(_USED, {"name_": name, "now_us": now_us})
        except Exception as error:
            if not is_fault(error):
                raise
            _log.warning("use of a token not remembered", token=name, error=str(error))

    def _existing(self, connection: Connection, name: str) -> Token:
        found = self._of(connection).get(name)
        if found is None or not found.is_valid(self._clock()):
            raise UnknownTokenError(name)
        return found

    def _of(self, connection: Connection) -> dict[str, Token]:
        return {each.name: each for each in _read(connection)}

    def _row(
        self, name: str, token: str, scopes: frozenset[str], expires: datetime | None
    ) -> dict[str, object]:
        return {
            "name": name,
            "digest": digest_of(token),
            "scopes": ",".join(sorted(scopes)),
            "created_us": to_us(self._clock()),
            "expires_us": None if expires is None else to_us(expires),
            "used_us": None,
            "revoked_us": None,
        }


def _read(connection: Connection) -> Iterator[Token]:
    for row in connection.execute(_LIST):
        yield Token(
            name=row.name,
            scopes=frozenset(row.scopes.split(",")),
            created=from_us(row.created_us),
            expires=_at(row.expires_us),
            used=_at(row.used_us),
            revoked=_at(row.revoked_us),
        )


def _at(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)
