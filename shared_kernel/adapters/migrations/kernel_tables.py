"""The kernel's tables as a context's first revision creates them."""

import sqlalchemy as sa
from alembic import op

from shared_kernel.adapters.web.commands import idempotency_keys_table
from shared_kernel.events.cursors import cursors_table
from shared_kernel.events.dead_letters import dead_letters_table
from shared_kernel.events.event_log import event_log_table
from shared_kernel.events.relay import relay_table


def create_log_tables() -> None:
    """What a database that takes commands and publishes events needs."""
    metadata = sa.MetaData()
    event_log_table(metadata)
    relay_table(metadata)
    idempotency_keys_table(metadata)
    metadata.create_all(op.get_bind())


def create_subscription_tables() -> None:
    """What a database that subscribes needs."""
    metadata = sa.MetaData()
    cursors_table(metadata)
    dead_letters_table(metadata)
    metadata.create_all(op.get_bind())
