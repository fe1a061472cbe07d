"""Domain events: what happened, in the language of one context."""

import attrs


@attrs.frozen(kw_only=True)
class DomainEvent:
    """A fact about one aggregate; it never leaves its context.

    Other contexts rely on published events, to which `publisher.py` translates it.
    """
