"""How a queue is consumed: settings that need no code."""

import attrs


@attrs.frozen(kw_only=True)
class QueueSettings:
    """How a queue is consumed. Times are in seconds.

    At most `size` messages are fetched at a time, for a pool of so many threads. A
    rejected message is delivered again after `backoff_s`, doubled at each attempt, up
    to `max_backoff_s`, with jitter; after `max_attempts` it is a dead letter.
    """

    size: int = 10
    poll_interval_s: float = 0.5
    pool: int = 4
    max_attempts: int = 5
    backoff_s: float = 1.0
    max_backoff_s: float = 300.0
