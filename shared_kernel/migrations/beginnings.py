"""The kernel's tables, for the first revision of a migration history.

A function must not change once a history has used it. A later change of the kernel's
tables is a new revision in each history, and a new function here for new histories.
"""

from alembic import op

from shared_kernel.migrations.kernel_tables import (
    count_what_is_dropped,
    create_log_tables,
    create_subscription_tables,
    drop_log_tables,
    drop_subscription_tables,
    give_the_log_an_identity,
    let_cursors_name_the_log,
    take_the_identity_away,
    turn_the_cursor_into_a_relay,
    turn_the_relay_into_a_cursor,
)
from shared_kernel.migrations.log_positions import (
    give_positions_after_the_commit,
    give_positions_by_the_insert,
    look_at_all_there_was,
    look_only_at_what_is_new,
)


def begin_with_log() -> None:
    """For a database to which commands write: with event log and subscriptions."""
    create_log_tables()
    create_subscription_tables()
    turn_the_relay_into_a_cursor()
    give_positions_after_the_commit()
    look_only_at_what_is_new()
    give_the_log_an_identity()
    let_cursors_name_the_log()
    count_what_is_dropped()


def end_with_log() -> None:
    op.drop_table("dropped_messages")
    take_the_identity_away()
    look_at_all_there_was()
    give_positions_by_the_insert()
    turn_the_cursor_into_a_relay()
    drop_subscription_tables()
    drop_log_tables()


def begin_with_cursors() -> None:
    """For a database of a read model: with subscriptions only."""
    create_subscription_tables()
    let_cursors_name_the_log()
    count_what_is_dropped()


def end_with_cursors() -> None:
    op.drop_table("dropped_messages")
    drop_subscription_tables()
