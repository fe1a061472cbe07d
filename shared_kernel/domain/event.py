"""Domain events: what happened, in the words of one context."""

import attrs


@attrs.frozen(kw_only=True)
class DomainEvent:
    """A fact about one aggregate; it never leaves its context.

    What other contexts may rely on is the published event that `publisher.py` makes
    of it.
    """
