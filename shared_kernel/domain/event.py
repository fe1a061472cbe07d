"""Domain events: what happened, in the words of one context."""

import attrs

from shared_kernel.domain.sku import Sku


@attrs.frozen(kw_only=True)
class DomainEvent:
    """A fact about the aggregate named by `sku`; it never leaves its context.

    What other contexts may rely on is the published event that `publisher.py` makes
    of it.
    """

    sku: Sku
