"""Serves the broker that BUS_URL names, for trials, until Ctrl-C.

Where the URL has no port, NATS_PORT, REDIS_PORT and so on say which. It keeps its
files in `var/nats` or `var/redis`, or in NATS_STORE or REDIS_STORE, and so on.
"""

import os
import re
import sys
from importlib import import_module

SERVERS = {
    "nats": ("nats", 4222),
    "jetstream": ("nats", 4222),
    "redis": ("redis", 6379),
    "kafka": ("kafka", 9092),
    "pubsub": ("pubsub", 8085),
    "sns+sqs": ("aws", 4566),
}
"""By scheme: the kind of server, of which `tests` has a module, and its usual port."""


def main(url: str) -> None:
    scheme, _, rest = url.partition(":")
    if scheme not in SERVERS:
        sys.exit(f"{scheme}: has no broker to start here; these have: {schemes()}")
    kind, usual = SERVERS[scheme]
    named = re.match(
        r"(?:\[[^]]*\]|[^:/,]*):(\d+)", rest.lstrip("/").rpartition("@")[2]
    )
    port = named[1] if named else os.environ.get(f"{kind}_PORT".upper(), str(usual))
    folder = os.environ.get(f"{kind}_STORE".upper(), f"var/{kind}")
    import_module(f"tests.{kind}_server").main(port, folder)


def schemes() -> str:
    return ", ".join(SERVERS)


if __name__ == "__main__":
    main(os.environ["BUS_URL"])
