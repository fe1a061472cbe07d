"""Waits for the listing of another process."""

from collections.abc import Mapping

import attrs

from shared_kernel.web.peers import Peer


@attrs.frozen
class HttpListingProgress:
    """Asks the process that serves the catalog's queries."""

    peer: Peer

    def wait_for(self, token: Mapping[str, int], timeout_s: float) -> None:
        """Raises ReadModelBehindError and PeerUnavailableError."""
        self.peer.wait_for("/products?limit=1", token, timeout_s)
