"""The tables of a database with work queues."""

import sqlalchemy as sa

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


TABLE = "jobs"


def jobs_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        TABLE,
        metadata,
        sa.Column("number", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("added_us", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("consumer", sa.Text),
        sa.Column("traceparent", sa.Text),
        sa.Column("failed_us", sa.BigInteger),
        sa.Index(
            "jobs_free",
            "queue",
            "number",
            postgresql_where=sa.text("consumer IS NULL"),
            sqlite_where=sa.text("consumer IS NULL"),
        ),
        sa.Index("jobs_key", "queue", "key", "number"),
        # A number that a consumer may still hold is never given again.
        sqlite_autoincrement=True,
    )


def job_consumers_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "job_consumers",
        metadata,
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("beats", sa.BigInteger, nullable=False),
    )


def taken_entries_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "taken_entries",
        metadata,
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("batch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )


def received_messages_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "received_messages",
        metadata,
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("received_us", sa.BigInteger, nullable=False, index=True),
    )


def paused_queues_table(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        "paused_queues",
        metadata,
        sa.Column("queue", sa.Text, primary_key=True),
        sa.Column("since_us", sa.BigInteger, nullable=False),
    )
