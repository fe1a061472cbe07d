"""The kernel's tables as the first revision of a history creates them.

They are as of that revision: a later change is a revision of its own, in each history
that has the tables.
"""

import sqlalchemy as sa
from alembic import op

from shared_kernel.events.identity import new_identity_row


def create_log_tables() -> None:
    """The tables of a database that takes commands and publishes events."""
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
    """The tables of a database that subscribes."""
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
    """A relay gets a lease: of several replicas, one publishes."""
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


def give_the_log_an_identity() -> None:
    """Also a key, its relays, and the digests that a compaction keeps."""
    identity = op.create_table(
        "log_identity",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("former_key", sa.Text),
        sa.Column("former_until", sa.BigInteger),
    )
    op.bulk_insert(identity, [new_identity_row()])
    op.create_table(
        "log_relays",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("relay", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "compacted_events",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


def let_cursors_name_the_log() -> None:
    """Add the identity of the followed log, its last applied event, and its keys."""
    for name in ("log", "last_id", "log_keys"):
        op.add_column("subscription_cursors", sa.Column(name, sa.Text))


def count_what_is_dropped() -> None:
    """Add counts of messages that are not of the log, by subscription and reason."""
    op.create_table(
        "dropped_messages",
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )


def take_the_identity_away() -> None:
    for table in ("compacted_events", "log_relays", "log_identity"):
        op.drop_table(table)


def let_cursors_forget_the_log() -> None:
    for name in ("log_keys", "last_id", "log"):
        op.drop_column("subscription_cursors", name)


def create_queue_tables() -> None:
    """The tables of a database with work queues."""
    op.create_table(
        "jobs",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(),
            primary_key=True,
        ),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("added_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("consumer", sa.Text),
        sqlite_autoincrement=True,
    )
    free = sa.text("consumer IS NULL")
    op.create_index(
        "jobs_free",
        "jobs",
        ["queue", "number"],
        postgresql_where=free,
        sqlite_where=free,
    )
    op.create_index("jobs_key", "jobs", ["queue", "key", "number"])
    op.create_table(
        "job_consumers",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("beats", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "paused_queues",
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("since_us", sa.BigInteger, nullable=False),
    )


def let_jobs_carry_their_trace() -> None:
    op.add_column("jobs", sa.Column("traceparent", sa.Text))


def let_jobs_forget_their_trace() -> None:
    op.drop_column("jobs", "traceparent")


def let_jobs_tell_when_they_failed() -> None:
    """When first: their dead letters say so."""
    op.add_column("jobs", sa.Column("failed_us", sa.BigInteger))


def let_jobs_forget_when_they_failed() -> None:
    op.drop_column("jobs", "failed_us")


def create_taken_entries() -> None:
    """Messages of other programs that a broker may still hold for us."""
    op.create_table(
        "taken_entries",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("batch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


def create_received_messages() -> None:
    """Messages of other programs that were made jobs, by the digests of their ids."""
    op.create_table(
        "received_messages",
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("received_us", sa.BigInteger, nullable=False, index=True),
    )


def drop_queue_tables() -> None:
    for table in ("paused_queues", "job_consumers", "jobs"):
        op.drop_table(table)
