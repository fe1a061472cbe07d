"""What somebody should look at, though every part keeps up."""

from collections.abc import Iterable, Iterator

from shared_kernel.operations.observation import ServiceState


def warnings_of(states: Iterable[ServiceState], allowed: int) -> Iterator[str]:
    """More than `allowed` dead letters of a subscription or queue, or unknown ones.

    Those parked behind a dead one count too: nothing of them has been applied.
    """
    for name, dead, parked in _letters(states):
        if dead is None or parked is None:
            yield f"{name}: how many dead letters it has is unknown"
        elif dead + parked > allowed:
            more = f", {parked:,} parked behind" if parked else ""
            letters = "dead letter" if dead == 1 else "dead letters"
            yield f"{name}: {dead:,} {letters}{more}; {allowed:,} are allowed"


def _letters(
    states: Iterable[ServiceState],
) -> Iterator[tuple[str, int | None, int | None]]:
    for state in states:
        for each in state.subscriptions:
            yield f"{each.name} of {each.source}", each.dead, each.parked
        for other in state.letters:
            yield f"{other.name} of {other.source}", other.dead, other.parked
        for queue in state.queues:
            yield queue.name, queue.dead, queue.parked
