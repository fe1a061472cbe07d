"""The databases of one storehouse: files, or the schemas of one PostgreSQL one.

with templates("postgresql") as clean:
    databases = clean.new(tmp_path)
    Settings.from_environment(databases.environment)
"""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import attrs

from app import CONTEXTS, Settings, assemble
from shared_kernel.runtime.context import services_of
from tests.postgres_server import PostgresServer

OWNERS = tuple(
    database.name
    for _, service in services_of(CONTEXTS)
    for database in service.databases
)
KINDS = ("sqlite", "postgresql")
Row = tuple[Any, ...]


class Databases(Protocol):
    """Those of one storehouse, by owner."""

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead to them."""

    def url(self, owner: str) -> str: ...

    def rows(self, owner: str, sql: str) -> list[Row]:
        """By the driver alone, so that nothing here shares an error with ours."""


@attrs.frozen
class Files:
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self)

    def url(self, owner: str) -> str:
        return f"sqlite:///{self.folder / owner}.db"

    def rows(self, owner: str, sql: str) -> list[Row]:
        file = self.folder / f"{owner}.db"
        with closing(sqlite3.connect(file, timeout=30)) as database:
            return database.execute(sql).fetchall()


@attrs.frozen
class Schemas:
    """Of `database`, one for each owner."""

    server: PostgresServer
    database: str

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self)

    def url(self, owner: str) -> str:
        return self.server.url(self.database, owner)

    def rows(self, owner: str, sql: str) -> list[Row]:
        with closing(self.server.connect(self.database)) as connection:
            connection.execute("SELECT set_config('search_path', %s, false)", [owner])
            return list(connection.execute(sql.encode()).fetchall())


class Templates(Protocol):
    """What is clean is made once, and copied for each test."""

    def new(self, folder: Path) -> Databases:
        """Clean ones; files are in `folder`, which may be there."""

    def drop(self, databases: Databases) -> None:
        """They are not needed any more."""


@attrs.frozen
class FileTemplates:
    template: Path

    def new(self, folder: Path) -> Files:
        shutil.copytree(self.template, folder, dirs_exist_ok=True)
        return Files(folder)

    def drop(self, databases: Databases) -> None:
        """Their folder is its owner's."""


@attrs.frozen
class PostgresTemplates:
    server: PostgresServer
    template: str = "storehouse"
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    def prepare(self) -> None:
        self.server.create(self.template)
        settings = Settings.from_environment(
            Schemas(self.server, self.template).environment
        )
        storehouse = assemble(settings)
        for service in storehouse.services:
            for schema in service.schemas:
                schema.upgrade()
        storehouse.stop()

    def new(self, folder: Path) -> Schemas:
        name = f"{self.template}_{next(self._numbers)}"
        self.server.create(name, self.template)
        return Schemas(self.server, name)

    def drop(self, databases: Databases) -> None:
        assert isinstance(databases, Schemas)
        self.server.drop(databases.database)


@contextmanager
def templates(kind: str, *, durable: bool = False) -> Iterator[Templates]:
    """Of `kind`; a server is started for it, and ended. `durable` survives crashes."""
    if kind == "sqlite":
        with TemporaryDirectory(prefix="storehouse-template-") as folder:
            files = Files(Path(folder))
            assemble(Settings.from_environment(files.environment)).stop()
            yield FileTemplates(files.folder)
        return
    with PostgresServer(durable=durable) as server:
        clean = PostgresTemplates(server)
        clean.prepare()
        yield clean


def in_folder(folder: Path) -> Files:
    """Those that are there; if none is, clean ones: to migrate them takes 50 ms."""
    if not any(folder.glob("*.db")):
        for name, content in _clean_files().items():
            (folder / name).write_bytes(content)
    return Files(folder)


@cache
def _clean_files() -> dict[str, bytes]:
    with templates("sqlite") as clean:
        assert isinstance(clean, FileTemplates)
        return {file.name: file.read_bytes() for file in clean.template.iterdir()}


def _environment(databases: Databases) -> dict[str, str]:
    return {f"{owner.upper()}_DATABASE_URL": databases.url(owner) for owner in OWNERS}
