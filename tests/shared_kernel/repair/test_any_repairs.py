"""Whatever operators do in whatever order, crashes included: nothing is lost."""

import itertools
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from shared_kernel.dead_letters import store
from shared_kernel.dead_letters.letter import DEAD, PARKED, ReplayError
from shared_kernel.events.cursors import begin_anew
from tests.databases import Files
from tests.shared_kernel.events.builders import SOURCE
from tests.shared_kernel.repair.lamps import NAME, Lamps, a_payload, some_lamps
from tests.simulation.crashes import Crash, CrashPoints, crash_around_commits

pytestmark = pytest.mark.slow

lamps = st.sampled_from("AB")
watts = st.sampled_from([40, "bright"])
crashes = st.none() | st.integers(1, 6)
"""At which of the points around the commits to come."""
nth = st.integers(0, 3)


class Operators(RuleBasedStateMachine):
    # Set by the test, since hypothesis creates the machines.
    folders: Callable[[], Path]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        files = Files(self.folders())
        self.lamps: Lamps = self.stack.enter_context(some_lamps(files))
        self.keys: list[str] = []
        self.points = CrashPoints()
        patch = self.stack.enter_context(pytest.MonkeyPatch.context())
        crash_around_commits(patch, self.points)

    @rule(key=lamps, watts=watts)
    def lit(self, key: str, watts: object) -> None:
        self.lamps.lit((key, watts))
        self.keys.append(key)

    @rule(nth=nth, crash=crashes)
    def replay(self, nth: int, crash: int | None) -> None:
        self.operate(nth, crash, self.lamps.letters.replay)

    @rule(nth=nth, crash=crashes)
    def discard(self, nth: int, crash: int | None) -> None:
        self.operate(nth, crash, self.lamps.letters.discard)

    @rule(nth=nth, watts=st.integers(1, 9), crash=crashes)
    def edit(self, nth: int, watts: int, crash: int | None) -> None:
        letters = self.lamps.letters

        def edit(number: int) -> None:
            key = letters.show(number).envelope.key
            letters.edit(number, a_payload(key, watts))

        self.operate(nth, crash, edit)

    @rule()
    def begin_anew(self) -> None:
        """What was repaired stays so: whatever was applied is applied again."""
        before = set(self.lamps.effects())
        with self.lamps.reader.writing() as connection:
            begin_anew(connection, NAME, SOURCE)
            store.let_go(connection, NAME, SOURCE)
            connection.exec_driver_sql("DELETE FROM effects")
        self.lamps.read()
        assert before <= set(self.lamps.effects())

    def operate(
        self, nth: int, crash: int | None, act: Callable[[int], object]
    ) -> None:
        """At a letter, if there is one; who is refused or crashes leaves it there."""
        letters = self.lamps.all()
        if not letters:
            return
        self.points.crash_at = None if crash is None else self.points.passed + crash
        with suppress(Crash, ReplayError):
            act(letters[nth % len(letters)].number)
        self.points.crash_at = None

    @invariant()
    def each_event_is_applied_or_discarded_or_a_letter(self) -> None:
        applied = [position for position, _ in self.lamps.effects()]
        waiting = [position for position, _ in self.lamps.states()]
        discarded = [
            each.position
            for each in self.lamps.letters.repairs()
            if each.action == "discarded"
        ]
        every = sorted([*applied, *waiting, *discarded])
        assert every == list(range(1, len(self.keys) + 1))

    @invariant()
    def the_order_of_each_key_is_kept(self) -> None:
        applied, waiting = defaultdict(list), defaultdict(list)
        for position, _ in self.lamps.effects():
            applied[self.keys[position - 1]].append(position)
        for position, state in self.lamps.states():
            waiting[self.keys[position - 1]].append((position, state))
        for key in self.keys:
            positions = [position for position, _ in waiting[key]]
            assert [*applied[key], *positions] == sorted([*applied[key], *positions])
            states = [state for _, state in waiting[key]]
            assert states == [DEAD, *[PARKED] * len(states)][: len(states)]

    @invariant()
    def what_was_done_is_recorded_once(self) -> None:
        done = [
            (each.action, each.position)
            for each in self.lamps.letters.repairs()
            if each.action != "edited"
        ]
        assert len(set(done)) == len(done)
        replayed = {position for action, position in done if action == "replayed"}
        assert replayed <= {position for position, _ in self.lamps.effects()}

    @invariant()
    def an_edited_letter_keeps_what_the_log_says(self) -> None:
        for letter in self.lamps.all():
            (event,) = self.lamps.log.read(letter.envelope.position - 1, 1)
            assert (letter.original or letter.envelope.data) == event.data

    def teardown(self) -> None:
        self.stack.close()


def test_nothing_is_lost_or_done_twice_or_out_of_order(tmp_path: Path) -> None:
    numbers = itertools.count()

    def folders() -> Path:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return folder

    class Machine(Operators):
        pass

    Machine.folders = staticmethod(folders)
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=10, stateful_step_count=12)
    )
