"""The keys of rmq: lists of messages, and sets of who consumes them.

https://github.com/adjust/rmq: a message moves from `ready` to the `unacked` list of a
connection, and is removed there when it is acknowledged. The right end is the oldest.
"""

CONNECTIONS = b"rmq::connections"
"""Of other programs. Their cleaner puts back what these held when they died."""
OUR_CONNECTIONS = b"storehouse::connections"
"""That cleaner must not see ours: it does not know what of it became rows."""
QUEUES = b"rmq::queues"
HEARTBEAT_S = 60
"""How long a connection lives without a further heartbeat."""


def ready(queue: bytes) -> bytes:
    return b"rmq::queue::[%b]::ready" % queue


def rejected(queue: bytes) -> bytes:
    return b"rmq::queue::[%b]::rejected" % queue


def heartbeat(connection: bytes) -> bytes:
    return b"rmq::connection::%b::heartbeat" % connection


def queues_of(connection: bytes) -> bytes:
    return b"rmq::connection::%b::queues" % connection


def consumers(connection: bytes, queue: bytes) -> bytes:
    return b"rmq::connection::%b::queue::[%b]::consumers" % (connection, queue)


def unacked(connection: bytes, queue: bytes) -> bytes:
    return b"rmq::connection::%b::queue::[%b]::unacked" % (connection, queue)
