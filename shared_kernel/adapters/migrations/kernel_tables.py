"""The kernel's tables as the first revision of a history creates them.

They stand here as they were then: a later change of theirs is a revision of its own, in
each history that has them.
"""

import sqlalchemy as sa
from alembic import op


def create_log_tables() -> None:
    """What a database that takes commands and publishes events needs."""
    op.create_table(
        "event_log",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "relay",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("published", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False, index=True),
    )


def create_subscription_tables() -> None:
    """What a database that subscribes needs."""
    op.create_table(
        "subscription_cursors",
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text),
        sa.Column("lease_until_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "dead_letters",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("subscription", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("subscription", "source", "position"),
        sqlite_autoincrement=True,
    )


def turn_the_relay_into_a_cursor() -> None:
    """It has a lease from now on: of several copies one publishes."""
    op.execute(
        "INSERT INTO subscription_cursors"
        " (subscription, source, position, lease_until_us)"
        " SELECT name, replace(name, '.relay', ''), published, 0 FROM relay"
    )
    op.drop_table("relay")


def drop_log_tables() -> None:
    for table in ("idempotency_keys", "relay", "event_log"):
        op.drop_table(table)


def drop_subscription_tables() -> None:
    for table in ("dead_letters", "subscription_cursors"):
        op.drop_table(table)


def turn_the_cursor_into_a_relay() -> None:
    op.create_table(
        "relay",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("published", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO relay (name, published) SELECT subscription, position"
        " FROM subscription_cursors WHERE subscription LIKE '%.relay'"
    )
    op.execute("DELETE FROM subscription_cursors WHERE subscription LIKE '%.relay'")


def give_positions_after_the_commit() -> None:
    """Where many write at a time: `shared_kernel.events.positions` says why."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _POSITIONS_AFTER_COMMIT:
        op.execute(statement)


def give_positions_by_the_insert() -> None:
    """As it was before; what is committed gets its position first."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for statement in _POSITIONS_BY_INSERT:
        op.execute(statement)


# Only indexes are of use in `give_positions`, whatever the statistics say: the log is
# long, and what has no position is the end of it.
_GIVE_POSITIONS = """
CREATE FUNCTION give_positions() RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    log oid := CAST('event_log' AS regclass);
    head bigint;
    given bigint;
BEGIN
    IF EXISTS (SELECT FROM event_log WHERE position IS NULL) THEN
        PERFORM pg_advisory_xact_lock(CAST(log AS bigint));
        -- Each statement sees what was committed before it began, and these two begin
        -- when whoever had the lock has committed.
        SELECT coalesce(max(position), 0) INTO head FROM event_log;
        UPDATE event_log SET position = head + number
        FROM (
            SELECT written AS wanted, row_number() OVER (ORDER BY written) AS number
            FROM event_log WHERE position IS NULL
        ) AS unsettled
        WHERE written = wanted;
        GET DIAGNOSTICS given = ROW_COUNT;
        IF given > 0 THEN
            PERFORM pg_notify('storehouse_' || log, CAST(head + given AS text));
        END IF;
        RETURN head + given;
    END IF;
    RETURN (SELECT coalesce(max(position), 0) FROM event_log);
END
$$
"""

_POSITIONS_AFTER_COMMIT = (
    "ALTER TABLE event_log DROP CONSTRAINT event_log_pkey",
    """ALTER TABLE event_log
       ALTER COLUMN position DROP NOT NULL,
       ALTER COLUMN position TYPE bigint,
       ADD COLUMN written bigint""",
    "UPDATE event_log SET written = position",
    "ALTER TABLE event_log ALTER COLUMN written SET NOT NULL",
    """ALTER TABLE event_log
       ALTER COLUMN written ADD GENERATED ALWAYS AS IDENTITY,
       ADD PRIMARY KEY (written)""",
    """SELECT setval(pg_get_serial_sequence('event_log', 'written'),
       coalesce(max(written), 0) + 1, false) FROM event_log""",
    "CREATE UNIQUE INDEX event_log_position ON event_log (position)",
    "CREATE INDEX event_log_unsettled ON event_log (written) WHERE position IS NULL",
    _GIVE_POSITIONS,
)

_POSITIONS_BY_INSERT = (
    "SELECT give_positions()",
    "DROP FUNCTION give_positions()",
    "DROP INDEX event_log_unsettled",
    "DROP INDEX event_log_position",
    "ALTER TABLE event_log DROP COLUMN written",
    """ALTER TABLE event_log
       ALTER COLUMN position TYPE integer,
       ADD PRIMARY KEY (position)""",
)
