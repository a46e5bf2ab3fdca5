"""Measure what cannot be held out."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0013'
down_revision: str | None = '0012'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

READINGS = ['issue', 'month', 'horizon_months', 'outcome']


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table('near_misses',
    sa.Column('customer_id', sa.String(), nullable=False),
    sa.Column('issue', sa.String(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('probability', sa.Double(), nullable=False),
    sa.Column('margin', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('customer_id', 'issue', 'day', name=op.f('pk_near_misses'))
    )
    op.create_index('ix_near_misses_issue_day', 'near_misses', ['issue', 'day'], unique=False)
    op.add_column('flags', sa.Column('margin', sa.Double(), nullable=True))
    op.add_column('assignments', sa.Column('design', sa.String(), server_default='hold_out', nullable=False))
    op.add_column('assignments', sa.Column('later_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('readings', sa.Column('design', sa.String(), server_default='hold_out', nullable=False))
    op.drop_constraint(op.f('uq_readings_issue_month_horizon_months_outcome_revision'), 'readings', type_='unique')
    op.create_unique_constraint(op.f('uq_readings_issue_month_horizon_months_outcome_design_revision'), 'readings',
                                [*READINGS, 'design', 'revision'])


def downgrade() -> None:
    """Take the schema back; readings of other designs than the held-out one go."""
    op.execute("DELETE FROM readings WHERE design <> 'hold_out'")
    op.drop_constraint(op.f('uq_readings_issue_month_horizon_months_outcome_design_revision'), 'readings', type_='unique')
    op.create_unique_constraint(op.f('uq_readings_issue_month_horizon_months_outcome_revision'), 'readings',
                                [*READINGS, 'revision'])
    op.drop_column('readings', 'design')
    op.drop_column('assignments', 'later_at')
    op.drop_column('assignments', 'design')
    op.drop_column('flags', 'margin')
    op.drop_index('ix_near_misses_issue_day', table_name='near_misses')
    op.drop_table('near_misses')
