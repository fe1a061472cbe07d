"""A subscription whose messages Pub/Sub posts: nothing has to be read."""

from shared_kernel.buses.pubsub.keeper import Keeper, Prepare
from shared_kernel.buses.pubsub.pull import Bring
from shared_kernel.buses.pubsub.pushes import Pushes


class Posted:
    """What is posted for `subscription` is brought until `end`."""

    def __init__(
        self,
        keeper: Keeper,
        pushes: Pushes,
        subscription: str,
        prepare: Prepare,
        bring: Bring,
    ) -> None:
        self._keeper = keeper
        self._pushes = pushes
        self._subscription = subscription
        self._prepare = prepare
        self._bring = bring

    def start(self) -> None:
        """Return when the subscription exists, or when Pub/Sub turns out to be away."""
        self._pushes.register(self._subscription, self._bring)
        self._keeper.look(self._prepare)
        self._keeper.add(self._prepare)

    def end(self) -> None:
        """May be called again."""
        self._pushes.remove(self._subscription)
        self._keeper.remove(self._prepare)
