"""The relay has a cursor like a subscription."""

from shared_kernel.migrations.kernel_tables import (
    turn_the_cursor_into_a_relay,
    turn_the_relay_into_a_cursor,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    turn_the_relay_into_a_cursor()


def downgrade() -> None:
    turn_the_cursor_into_a_relay()
