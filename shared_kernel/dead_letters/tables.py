"""The tables of dead letters, and of what operators did with them."""

import sqlalchemy as sa

NO_END = 2**63 - 1
"""Beyond every position."""


def dead_letters_table(metadata: sa.MetaData) -> sa.Table:
    """`since_us` is when it first failed or was parked, `last_us` when it failed last.

    `cause` is made of `error_type` and `place`: letters with the same one fail for the
    same reason. All three are empty if it has not failed itself. `version` counts the
    changes of the row. `original` is the data before the first edit.
    """
    return sa.Table(
        "dead_letters",
        metadata,
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
        sa.Column("error_type", sa.Text, nullable=False, server_default=""),
        sa.Column("place", sa.Text, nullable=False, server_default=""),
        sa.Column("field", sa.Text),
        sa.Column("trace", sa.Text, nullable=False, server_default=""),
        sa.Column("cause", sa.Text, nullable=False, server_default=""),
        sa.Column("last_us", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("original", sa.LargeBinary),
        sa.UniqueConstraint("subscription", "source", "position"),
        sa.Index("dead_letters_cause", "cause"),
        sa.Index("dead_letters_key", "subscription", "source", "key", "position"),
        # A number that an operator has seen is never reused for another letter.
        sqlite_autoincrement=True,
    )


def dead_letter_repairs_table(metadata: sa.MetaData) -> sa.Table:
    """What was done with letters, by whom and why; `data` is that before it was done.

    `action` is `edited`, `discarded`, `requeued` or `replayed`.
    """
    return sa.Table(
        "dead_letter_repairs",
        metadata,
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("letter", sa.Integer, nullable=False),
        sa.Column("subscription", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary),
        sqlite_autoincrement=True,
    )


def edited_events_table(metadata: sa.MetaData) -> sa.Table:
    """Events as an operator has edited them for a subscription: rebuilds apply these.

    `type` is that of the letter: `data` is of that version of the event.
    """
    return sa.Table(
        "edited_events",
        metadata,
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def discarded_events_table(metadata: sa.MetaData) -> sa.Table:
    """Events that an operator discarded: rebuilds do not apply them either."""
    return sa.Table(
        "discarded_events",
        metadata,
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )
