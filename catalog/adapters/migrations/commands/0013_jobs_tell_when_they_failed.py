"""A dead letter of a job says when it failed first."""

from shared_kernel.migrations.kernel_tables import (
    let_jobs_forget_when_they_failed,
    let_jobs_tell_when_they_failed,
)

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    let_jobs_tell_when_they_failed()


def downgrade() -> None:
    let_jobs_forget_when_they_failed()
