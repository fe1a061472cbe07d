"""Fixtures and settings of all tests."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from tests.databases import (
    Databases,
    FileTemplates,
    PostgresTemplates,
    Schemas,
    templates,
)
from tests.memory import keep_files_in_memory
from tests.postgres_server import PostgresServer
from tests.storehouses import ON_EACH_DATABASE

keep_files_in_memory()

# No deadline: on two busy cores one example's time means nothing. In CI always the same
# examples: failures can be reproduced.
hypothesis.settings.register_profile(
    "storehouse", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("storehouse")

# The caller may ignore these signals, as nohup does, and child processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def tracebacks_are_plain() -> None:
    """Nobody reads those of a test that passed; in colours they take 50 ms each."""
    plain = structlog.dev.ConsoleRenderer(
        exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure([*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session")
def postgres_templates() -> Iterator[PostgresTemplates]:
    """One server for all tests of this process."""
    with templates("postgresql") as clean:
        assert isinstance(clean, PostgresTemplates)
        yield clean


@pytest.fixture(scope="session")
def file_templates() -> Iterator[FileTemplates]:
    with templates("sqlite") as clean:
        assert isinstance(clean, FileTemplates)
        yield clean


@pytest.fixture
def postgres(postgres_templates: PostgresTemplates) -> PostgresServer:
    """Shared by many tests: it is neither stopped nor changed."""
    return postgres_templates.server


@pytest.fixture
def schemas(postgres_templates: PostgresTemplates, tmp_path: Path) -> Iterator[Schemas]:
    """Clean databases of one storehouse in PostgreSQL."""
    made = postgres_templates.new(tmp_path)
    yield made
    postgres_templates.drop(made)


@pytest.fixture(params=ON_EACH_DATABASE)
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """Clean databases of one storehouse, of each kind in turn."""
    if request.param == "postgresql":
        made: Databases = request.getfixturevalue("schemas")
        return made
    clean: FileTemplates = request.getfixturevalue("file_templates")
    return clean.new(tmp_path / "databases")


def pytest_collection_finish() -> None:
    """What is imported and collected stays, and a test leaves little garbage.

    By default each few hundred new objects begin a search, in which all the others are
    looked through again and again: an eighth of the time.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_itemcollected(item: pytest.Item) -> None:
    """`proof_on` makes a `proof` of a test with one of these in its id."""
    given = getattr(item, "callspec", None)
    parameters = given.id.split("-") if given else []
    for mark in item.iter_markers("proof_on"):
        if set(parameters) & set(mark.args):
            item.add_marker(pytest.mark.proof)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have measured below their results."""
    summaries = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "summary"
    ]
    if summaries:
        terminalreporter.section("measured")
        for line in summaries:
            terminalreporter.write_line(line)
