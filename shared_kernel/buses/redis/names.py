"""The keys of a bus in Redis. Any other program may read them."""

import attrs

from shared_kernel.buses.envelope import Envelope


@attrs.frozen
class Names:
    """`prefix` stands before every key."""

    prefix: str = ""

    @property
    def heartbeats(self) -> str:
        """The stream of the newest heartbeats, of all logs."""
        return self.subject("storehouse.heartbeats")

    @property
    def streams(self) -> str:
        """The set of all `type stream`: in which streams a type of event is."""
        return self.subject("storehouse.streams")

    def log(self, source: str, log: str) -> str:
        """The stream of the log with the identity `log`.

        Braces: a Redis cluster places keys by what stands in them.
        """
        return self.subject(f"storehouse.{source}.{{{log}}}")

    def stream_of(self, envelope: Envelope) -> str:
        return self.log(envelope.source, envelope.log)

    def subject(self, subject: str) -> str:
        """The stream to which other programs write messages of that type."""
        return f"{self.prefix}.{subject}" if self.prefix else subject

    def subject_of(self, stream: str) -> str:
        """The inverse of `subject`."""
        return stream.removeprefix(f"{self.prefix}.") if self.prefix else stream
