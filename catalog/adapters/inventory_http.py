"""Exact stock, requested from the process that runs inventory."""

from urllib.parse import quote

import attrs
import msgspec

from shared_kernel.domain.sku import Sku
from shared_kernel.web.peers import Peer

UNKNOWN_SKU = "/problems/unknown-sku"


@attrs.frozen(kw_only=True)
class Quantity:
    """The field that is read of `GET /stock`."""

    quantity: int


@attrs.frozen(kw_only=True)
class Refusal:
    """The field that is read of a problem."""

    type: str


@attrs.frozen
class HttpStockLevels:
    peer: Peer

    def available(self, sku: Sku) -> int | None:
        """Whole pieces, as of now; None if no stock item has this SKU.

        Raises PeerError.
        """
        path = f"/stock?id={quote(sku.code, safe='')}"
        response = self.peer.get(path)
        try:
            if response.status == 200:
                return msgspec.json.decode(response.data, type=Quantity).quantity
            refused = msgspec.json.decode(response.data, type=Refusal)
            if response.status == 404 and refused.type == UNKNOWN_SKU:
                return None
        except ValueError:
            pass
        raise self.peer.strange(response, f"GET {path}")
