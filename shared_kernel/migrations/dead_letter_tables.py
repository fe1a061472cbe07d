"""Later changes of the tables of dead letters, each a revision of its own."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.dead_letters.failure import cause_of


def let_dead_letters_tell_why() -> None:
    """Error, place, field, trace and cause, versions; what was repaired or discarded.

    Of what failed before, only the type of the error is known.
    """
    for column in (
        sa.Column("error_type", sa.Text, nullable=False, server_default=""),
        sa.Column("place", sa.Text, nullable=False, server_default=""),
        sa.Column("field", sa.Text),
        sa.Column("trace", sa.Text, nullable=False, server_default=""),
        sa.Column("cause", sa.Text, nullable=False, server_default=""),
        sa.Column("last_us", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("original", sa.LargeBinary),
    ):
        op.add_column("dead_letters", column)
    op.create_index("dead_letters_cause", "dead_letters", ["cause"])
    op.create_index(
        "dead_letters_key",
        "dead_letters",
        ["subscription", "source", "key", "position"],
    )
    _tell_of_what_failed_before()
    for create in (_create_repairs, _create_discarded_events):
        create()


def _tell_of_what_failed_before() -> None:
    connection = op.get_bind()
    connection.execute(sa.text("UPDATE dead_letters SET last_us = since_us"))
    letters = sa.table(
        "dead_letters",
        *map(sa.column, ("number", "reason", "state", "error_type", "cause")),
    )
    c = letters.c
    failed = sa.select(c.number, c.reason).where(c.state == "dead")
    found = [
        {"of": number, "type": error_type, "as": cause_of(error_type, "")}
        for number, reason in connection.execute(failed).all()
        for error_type, colon, _ in [reason.partition(": ")]
        if colon and error_type.isidentifier()
    ]
    if found:
        connection.execute(
            sa.update(letters)
            .where(c.number == sa.bindparam("of"))
            .values(error_type=sa.bindparam("type"), cause=sa.bindparam("as")),
            found,
        )


def _create_repairs() -> None:
    op.create_table(
        "dead_letter_repairs",
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


def _create_discarded_events() -> None:
    op.create_table(
        "discarded_events",
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


def let_edits_stay() -> None:
    """Events that were edited are kept as edited, for those who read them again."""
    op.create_table(
        "edited_events",
        sa.Column("subscription", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    _keep_edits_of_letters()
    _keep_edits_that_were_replayed()


def _keep_edits_of_letters() -> None:
    """Jobs are read from no log."""
    op.execute(
        "INSERT INTO edited_events"
        " SELECT subscription, source, position, id, type, key, data"
        " FROM dead_letters WHERE original IS NOT NULL AND source <> 'queue'"
    )


def _keep_edits_that_were_replayed() -> None:
    """Records have the data that was applied; of several the newest counts."""
    op.execute(
        "INSERT INTO edited_events"
        " SELECT subscription, source, position, id, type, key, data"
        " FROM dead_letter_repairs AS done WHERE number IN"
        " (SELECT max(number) FROM dead_letter_repairs"
        " WHERE action = 'replayed' AND data IS NOT NULL"
        " GROUP BY subscription, source, position)"
        " AND NOT EXISTS (SELECT 1 FROM edited_events AS known"
        " WHERE known.subscription = done.subscription"
        " AND known.source = done.source AND known.position = done.position)"
    )


def let_edits_go() -> None:
    op.drop_table("edited_events")


def let_dead_letters_forget_why() -> None:
    for table in ("discarded_events", "dead_letter_repairs"):
        op.drop_table(table)
    for index in ("dead_letters_key", "dead_letters_cause"):
        op.drop_index(index, "dead_letters")
    for name in (
        *("original", "version", "last_us", "cause"),
        *("trace", "field", "place", "error_type"),
    ):
        op.drop_column("dead_letters", name)
