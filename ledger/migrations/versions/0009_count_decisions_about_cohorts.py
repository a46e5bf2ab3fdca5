"""Count the decisions about a cohort, keep the first of two approvals, and find acts by what they are about."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0009'
down_revision: str | None = '0008'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column('cohorts', sa.Column('revision', sa.Integer(), server_default='0', nullable=False))
    op.add_column('cohorts', sa.Column('first_approved_by', sa.String(), nullable=True))
    op.add_column('cohorts', sa.Column('first_approved_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('ix_acts_act', 'acts', ['act', 'subject', 'id'], unique=False)
    op.create_index('ix_acts_subject', 'acts', ['subject', 'id'], unique=False)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index('ix_acts_subject', table_name='acts')
    op.drop_index('ix_acts_act', table_name='acts')
    op.drop_column('cohorts', 'first_approved_at')
    op.drop_column('cohorts', 'first_approved_by')
    op.drop_column('cohorts', 'revision')
