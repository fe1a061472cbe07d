"""The chapter's programs on a Redis, by the commands that rmq sends.

Nothing of ours is used here, so nothing shares an error with ours.
"""

import json
import random
from typing import Any

from tests.redis_server import RedisServer


def written(name: str, payload: str) -> bytes:
    """A message of the chapter's writer: its id is decimal text."""
    number = str(random.randrange(10**47, 10**48))
    fields = {"id": number, "name": name, "payload": payload}
    return json.dumps(fields, separators=(",", ":")).encode()


class Writer:
    def __init__(self, server: RedisServer, queue: str = "work") -> None:
        self._client = server.client
        self._queue = queue

    def publish(self, payload: str, name: str = "new.product") -> bytes:
        raw = written(name, payload)
        self.push(raw)
        return raw

    def push(self, *raws: bytes) -> None:
        self._client.sadd("rmq::queues", self._queue)
        self._client.lpush(f"rmq::queue::[{self._queue}]::ready", *raws)


class Worker:
    """`tag` may contain a space, as the chapter's "my service" does."""

    def __init__(
        self, server: RedisServer, queue: str = "work", tag: str = "my service"
    ) -> None:
        self.name = f"{tag}-{random.randrange(10**6):06}"
        self._client: Any = server.client
        self._queue = queue
        key = f"rmq::connection::{self.name}"
        self.heartbeat = f"{key}::heartbeat"
        self.unacked = f"{key}::queue::[{queue}]::unacked"
        self.ready = f"rmq::queue::[{queue}]::ready"
        self._client.set(self.heartbeat, 1, ex=60)
        self._client.sadd("rmq::connections", self.name)
        self._client.sadd("rmq::queues", queue)
        self._client.sadd(f"{key}::queues", queue)
        self._client.sadd(f"{key}::queue::[{queue}]::consumers", f"{tag}-consumer")

    def take(self) -> dict[str, Any] | None:
        """Hold the next message; None if there is none."""
        raw = self._client.rpoplpush(self.ready, self.unacked)
        return None if raw is None else {**json.loads(raw), "raw": raw}

    def acknowledge(self, message: dict[str, Any]) -> int:
        return int(self._client.lrem(self.unacked, 1, message["raw"]))

    def die(self) -> None:
        """Its heartbeat expires."""
        self._client.delete(self.heartbeat)


def clean(server: RedisServer) -> int:
    """As rmq's cleaner does; return how many messages were put back."""
    client: Any = server.client
    returned = 0
    for name in client.smembers("rmq::connections"):
        key = b"rmq::connection::" + name
        if client.ttl(key + b"::heartbeat") > 0:
            continue
        for queue in client.smembers(key + b"::queues"):
            held = key + b"::queue::[%b]::unacked" % queue
            while client.rpoplpush(held, b"rmq::queue::[%b]::ready" % queue):
                returned += 1
            client.delete(held, key + b"::queue::[%b]::consumers" % queue)
            client.srem(key + b"::queues", queue)
        client.delete(key + b"::heartbeat", key + b"::queues")
        client.srem("rmq::connections", name)
    return returned


def return_rejected(server: RedisServer, queue: str = "work") -> None:
    client: Any = server.client
    prefix = f"rmq::queue::[{queue}]"
    while client.rpoplpush(f"{prefix}::rejected", f"{prefix}::ready"):
        pass
