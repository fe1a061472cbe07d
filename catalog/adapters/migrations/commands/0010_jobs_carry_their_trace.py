"""A job belongs to the trace that caused it, and so does its dead letter."""

from shared_kernel.migrations.kernel_tables import (
    let_jobs_carry_their_trace,
    let_jobs_forget_their_trace,
)

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    let_jobs_carry_their_trace()


def downgrade() -> None:
    let_jobs_forget_their_trace()
