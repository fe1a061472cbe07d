"""The other processes of the shop, asked over HTTP for what this one does not have.

Of each service that does not run here one process is asked, since its replicas have the
same databases. The addresses are those of the settings, and then those that the asked
processes know. None asks further: each answers for itself alone (`scope=process`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import attrs
import msgspec

from shared_kernel.runtime.setting import address
from shared_kernel.web.parameters import Parameter
from shared_kernel.web.peers import Peer, PeerError

D = TypeVar("D", bound=msgspec.Struct)

PROCESS, SHOP = "process", "shop"
SCOPE = Parameter(
    name="scope",
    description="`process`: do not ask the other processes of the shop.",
    schema={"type": "string", "enum": [SHOP, PROCESS], "default": SHOP},
)
NO_ADDRESS = "no process that answers has its address among its settings"


class NotAsked(msgspec.Struct, frozen=True, order=True):
    """A service whose process did not answer, or is at no known address.

    `at` is the address, if there is one.
    """

    service: str
    why: str
    at: str | None = None


@attrs.frozen
class Answers(Generic[D]):
    """One document for each process, and the services of those that gave none.

    `addresses` are those of the documents.
    """

    documents: Sequence[D] = ()
    not_asked: Sequence[NotAsked] = ()
    addresses: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class OtherProcesses:
    """Those that run what is `declared` and does not run `here`.

    `peers` are at the addresses in the settings, by service. For further ones an
    attempt waits at most `timeout_s`; to them, too, it shows the peers' `token`.
    """

    peers: Mapping[str, Peer] = attrs.field(factory=dict)
    here: Collection[str] = ()
    declared: Collection[str] = ()
    timeout_s: float = 1.0
    token: str | None = attrs.field(default=None, repr=False)

    @property
    def missing(self) -> list[str]:
        """The services that only other processes run."""
        return [name for name in self.declared if name not in self.here]

    @property
    def addresses(self) -> dict[str, str]:
        """By service, without user and password."""
        return {name: _public(peer.url) for name, peer in self.peers.items()}

    def ask(self, path: str, body: type[D]) -> Answers[D]:
        """The documents at `path`, which says `scope=process`."""
        return self._ask(lambda peer: peer.read(path, body))

    def find(self, path: str, body: type[D]) -> Answers[D]:
        """The documents of those processes that have one at `path`."""
        return self._ask(lambda peer: peer.find(path, body))

    def _ask(self, asked: Callable[[Peer], D | None]) -> Answers[D]:
        documents: dict[str, D] = {}
        with ExitStack() as further:
            search = _Search(self, further)
            for peer, services in search.found():
                try:
                    document = asked(peer)
                except PeerError as error:
                    search.fail(peer, services, error)
                    continue
                if document is not None:
                    documents[_public(peer.url)] = document
            return Answers([*documents.values()], search.not_asked(), [*documents])


class _Search:
    """For one process of each missing service; `further` closes what it opens."""

    def __init__(self, others: OtherProcesses, further: ExitStack) -> None:
        self._others = others
        self._further = further
        self._missing = {name: NotAsked(name, NO_ADDRESS) for name in others.missing}
        self._failures: dict[str, str] = {}

    def found(self) -> list[tuple[Peer, list[str]]]:
        """Processes that answer, with the services that are asked of them."""
        found = []
        candidates = list(self._others.peers.values())
        # It grows by the addresses that the processes know.
        for peer in candidates:
            if peer.name not in self._missing:
                continue
            if peer.url in self._failures:
                self._tell(peer, [peer.name])
                continue
            try:
                alive = peer.alive(peer.name)
            except PeerError as error:
                self.fail(peer, [peer.name], error)
                continue
            services = [name for name in alive.services if name in self._missing]
            found.append((peer, services))
            for service in services:
                del self._missing[service]
            candidates += self._known_there(alive.peers)
        return found

    def fail(self, peer: Peer, services: Iterable[str], error: PeerError) -> None:
        self._failures[peer.url] = str(error).replace(peer.url, _public(peer.url))
        self._tell(peer, services)

    def not_asked(self) -> list[NotAsked]:
        return list(self._missing.values())

    def _tell(self, peer: Peer, services: Iterable[str]) -> None:
        why, at = self._failures[peer.url], _public(peer.url)
        self._missing |= {name: NotAsked(name, why, at) for name in services}

    def _known_there(self, addresses: Mapping[str, str]) -> list[Peer]:
        return [
            self._further.enter_context(
                closing(
                    Peer(
                        service,
                        url,
                        timeout_s=self._others.timeout_s,
                        token=self._others.token,
                    )
                )
            )
            for service, url in addresses.items()
            if service in self._missing and _is_address(url)
        ]


def _is_address(url: str) -> bool:
    try:
        return address(url) == url
    except ValueError:
        return False


def _public(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
