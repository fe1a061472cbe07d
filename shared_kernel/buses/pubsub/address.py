"""Which project of Google Cloud is used, as a URL says it."""

import re

import attrs

ACCEPTED = "the id of a project of Google Cloud, such as pubsub://my-project"
GOOGLE = "pubsub.googleapis.com:443"
"""Nearest region. The order of a log needs all its publishers in one region."""
_URL = re.compile(r"pubsub://([a-z][a-z0-9.:-]{0,98}[a-z0-9])/?")


@attrs.frozen(kw_only=True)
class PubSubAddress:
    """`emulator` is the host and port of a server without TLS and credentials."""

    project: str
    endpoint: str = GOOGLE
    emulator: str | None = None

    @classmethod
    def of(
        cls, url: str, emulator: str | None = None, endpoint: str | None = None
    ) -> "PubSubAddress":
        """Raises ValueError, which names the accepted values."""
        found = _URL.fullmatch(url)
        if found is None:
            raise ValueError(ACCEPTED)
        return cls(project=found[1], emulator=emulator, endpoint=endpoint or GOOGLE)

    @property
    def shown(self) -> str:
        where = f" at {self.emulator}" if self.emulator else ""
        return f"pubsub://{self.project}{where}"
