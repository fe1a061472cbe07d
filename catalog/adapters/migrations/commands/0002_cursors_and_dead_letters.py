"""The relay has a cursor like a subscription; foreign messages may be refused."""

from shared_kernel.migrations.kernel_tables import (
    create_subscription_tables,
    drop_subscription_tables,
    turn_the_cursor_into_a_relay,
    turn_the_relay_into_a_cursor,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_subscription_tables()
    turn_the_relay_into_a_cursor()


def downgrade() -> None:
    turn_the_cursor_into_a_relay()
    drop_subscription_tables()
