"""No-op messages by the bare statements and commands, written by hand."""

import psycopg

from tests.benchmarks.measuring import per_second
from tests.redis_server import RedisServer

_BARE = """
    DROP TABLE IF EXISTS bare;
    CREATE TABLE bare (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text, consumer text
    );
    CREATE INDEX ON bare (id) WHERE consumer IS NULL;
    INSERT INTO bare (payload) SELECT '{}' FROM generate_series(1, %(count)s)"""
_CLAIM = """
    UPDATE bare SET consumer = 'me' WHERE id IN (
        SELECT id FROM bare WHERE consumer IS NULL
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id, payload"""
_DELETE = "DELETE FROM bare WHERE id = ANY(%s)"


def on_postgres(url: str, batch: int, messages: int) -> float:
    """Each claim and each deletion is a transaction."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(_BARE, {"count": messages})

        def work() -> int:
            done = 0
            while rows := connection.execute(_CLAIM, [batch]).fetchall():
                connection.execute(_DELETE, [[id_ for id_, _ in rows]])
                done += len(rows)
            return done

        return per_second(work)


def on_redis(redis: RedisServer, messages: int) -> float:
    """Taken and acknowledged as rmq does it."""
    redis.wipe()
    client = redis.client
    client.lpush("ready", *(f'{{"id":"{n}"}}' for n in range(messages)))

    def work() -> int:
        done = 0
        while taken := client.rpoplpush("ready", "unacked"):
            client.lrem("unacked", 1, taken)
            done += 1
        return done

    return per_second(work)
