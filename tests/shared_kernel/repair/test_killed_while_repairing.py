"""An operator's process is killed before each of its statements.

Whatever it was doing, each letter is as before or done, with its record; and who does
it again ends where an undisturbed one would have ended.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from shared_kernel.buses.envelope import Envelope
from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD, PARKED, DeadLetter
from shared_kernel.queues.jobs import SOURCE
from shared_kernel.repair.replay import DeadLetters
from shared_kernel.storage.database import Database
from shared_kernel.storage.prepared import Prepared
from tests.killing import killed_before
from tests.shared_kernel.events.builders import ManualClock, an_envelope
from tests.shared_kernel.queues.builders import a_database, sql_queue

pytestmark = [
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.proof_on("postgresql"),
]

EDITED = b'{"watts": 40}'
POSITIONS = [1, 2, 3]
MOST_STATEMENTS = 200
_EMPTY = (
    "effects",
    "jobs",
    "dead_letters",
    "dead_letter_repairs",
    "discarded_events",
    "edited_events",
)
_effects = sa.Table(
    "effects",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer),
    sa.Column("data", sa.Text),
)
_EFFECT = Prepared(sa.text("INSERT INTO effects (position, data) VALUES (:at, :data)"))

_EFFECTS = Prepared(sa.text("SELECT position FROM effects ORDER BY number"))
_JOBS = Prepared(sa.text("SELECT number, attempts FROM jobs ORDER BY number"))
_KEPT_EDITS = Prepared(sa.text("SELECT position, data FROM edited_events"))
_DISCARDED = Prepared(sa.text("SELECT position, who, why FROM discarded_events"))

Act = Callable[[DeadLetters, int], object]
"""Does something with the letter with that number."""


def apply(batch: Sequence[Envelope], connection: Connection) -> None:
    for each in batch:
        _EFFECT.write(connection, {"at": each.position, "data": each.data.decode()})


@attrs.frozen
class Place:
    """A database with letters of one key: the first is dead, the others wait."""

    url: str

    def begin_anew(self, source: str) -> None:
        with closing(Database(self.url)) as database, database.writing() as connection:
            for table in _EMPTY:
                connection.exec_driver_sql(f"DELETE FROM {table}")
            # Jobs that wait do so in their queue.
            for position in POSITIONS if source != SOURCE else POSITIONS[:1]:
                store.add(
                    connection,
                    "work",
                    [an_envelope(position, source=source)],
                    state=DEAD if position == POSITIONS[0] else PARKED,
                    reason="x",
                    attempts=1,
                    now_us=1,
                )

    def operate(self, act: Act) -> None:
        """What an operator's process does: at the first letter, if there is one."""
        with closing(Database(self.url)) as database:
            letters = self.letters(database)
            if first := letters.list()[:1]:
                act(letters, first[0].number)

    def letters(self, database: Database) -> DeadLetters:
        clock = ManualClock()
        queue = sql_queue(database, "operator", clock)
        readers = {("work", "shop"): apply, ("work", SOURCE): queue.replay}
        return DeadLetters(database, readers, clock, queues={("work", SOURCE): queue})

    def seen(self) -> "Seen":
        with closing(Database(self.url)) as database:
            letters = self.letters(database)
            with database.reading() as connection:
                return Seen(
                    left=letters.list(),
                    done=[
                        (each.position, each.action)
                        for each in reversed(letters.repairs())
                    ],
                    effects=[row[0] for row in _EFFECTS.rows(connection, {})],
                    jobs=_JOBS.rows(connection, {}),
                    discarded=_DISCARDED.rows(connection, {}),
                    edits=[
                        (position, bytes(data))
                        for position, data in _KEPT_EDITS.rows(connection, {})
                    ],
                )


@attrs.frozen(kw_only=True)
class Seen:
    """What there is: letters, records (position and action), and what came of it.

    `jobs` are numbers and attempts, `discarded` positions, who and why, `edits` what
    those who read again will apply.
    """

    left: list[DeadLetter]
    done: list[tuple[int, str]]
    effects: list[int]
    jobs: list[tuple[int, int]]
    discarded: list[tuple[int, str, str]]
    edits: list[tuple[int, bytes]]

    @property
    def waiting(self) -> list[int]:
        """The positions of the letters."""
        return [each.envelope.position for each in self.left]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("schemas").url("new")
    with a_database(url) as database, database.maintaining() as connection:
        _effects.create(connection)
    return Place(url)


def at_each_statement(
    place: Place, source: str, act: Act, check: Callable[[Seen], None]
) -> int:
    """Kill it there, and have `check` go on; return how many there were."""
    statement, killed = 0, True
    while killed and statement < MOST_STATEMENTS:
        place.begin_anew(source)
        killed = killed_before(statement, partial(place.operate, act))
        check(place.seen())
        statement += 1
    assert statement < MOST_STATEMENTS
    return statement


def test_a_replay_applies_each_letter_once_and_in_order(place: Place) -> None:
    def replay(letters: DeadLetters, number: int) -> None:
        letters.replay(number, who="ada")

    def check(seen: Seen) -> None:
        assert [*seen.effects, *seen.waiting] == POSITIONS
        states = [DEAD] + [PARKED] * 2
        assert [each.state for each in seen.left] == states[: len(seen.left)]
        assert seen.done == [(position, "replayed") for position in seen.effects]

        place.operate(replay)

        seen = place.seen()
        assert (seen.effects, seen.left) == (POSITIONS, [])
        assert seen.done == [(position, "replayed") for position in POSITIONS]

    assert at_each_statement(place, "shop", replay, check) > 15


@pytest.mark.proof
def test_an_edit_is_there_with_its_record_or_not_at_all(place: Place) -> None:
    def edit(letters: DeadLetters, number: int) -> None:
        letters.edit(number, EDITED, who="ada", why="watts")

    def check(seen: Seen) -> None:
        first = seen.left[0]
        kept = (EDITED, b"{}") if seen.done else (b"{}", None)
        assert (first.envelope.data, first.original) == kept
        assert first.version == 1 + len(seen.done)
        assert seen.edits == [(1, EDITED)] * len(seen.done)

        place.operate(edit)

        seen = place.seen()
        first = seen.left[0]
        assert (first.envelope.data, first.original) == (EDITED, b"{}")
        assert seen.done == [(1, "edited")]

    assert at_each_statement(place, "shop", edit, check) > 5


@pytest.mark.proof
def test_a_discard_is_recorded_once_and_those_behind_it_are_applied(
    place: Place,
) -> None:
    def discard(letters: DeadLetters, number: int) -> None:
        letters.discard(number, who="ada", why="a test lamp")

    def check(seen: Seen) -> None:
        assert sorted([*seen.waiting, *(at for at, _ in seen.done)]) == POSITIONS

        place.operate(DeadLetters.replay if seen.done else discard)

        seen = place.seen()
        assert (seen.effects, seen.left) == ([2, 3], [])
        assert seen.done == [(1, "discarded"), (2, "replayed"), (3, "replayed")]
        assert seen.discarded == [(1, "ada", "a test lamp")]

    assert at_each_statement(place, "shop", discard, check) > 15


@pytest.mark.proof
def test_what_is_queued_again_is_a_job_or_a_letter_never_both(place: Place) -> None:
    def requeue(letters: DeadLetters, number: int) -> None:
        letters.requeue(number, who="ada")

    def check(seen: Seen) -> None:
        assert len(seen.jobs) + len(seen.left) == 1
        assert len(seen.jobs) == len(seen.done)

        place.operate(requeue)

        seen = place.seen()
        assert (seen.jobs, seen.left) == ([(1, 0)], [])
        assert seen.done == [(1, "requeued")]

    assert at_each_statement(place, SOURCE, requeue, check) > 8
