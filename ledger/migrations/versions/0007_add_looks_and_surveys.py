"""Add looks and surveys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0007'
down_revision: str | None = '0006'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table('looks',
    sa.Column('issue', sa.String(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('outcome', sa.String(), nullable=False),
    sa.Column('horizon_months', sa.Integer(), nullable=False),
    sa.Column('n_contact', sa.Integer(), nullable=False),
    sa.Column('n_hold_out', sa.Integer(), nullable=False),
    sa.Column('effect', sa.Double(), nullable=True),
    sa.Column('low', sa.Double(), nullable=True),
    sa.Column('high', sa.Double(), nullable=True),
    sa.Column('p_value', sa.Double(), nullable=True),
    sa.Column('sample_ratio_p', sa.Double(), nullable=True),
    sa.Column('found', sa.String(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('issue', 'day', 'outcome', 'horizon_months', name=op.f('pk_looks'))
    )
    op.create_table('surveys',
    sa.Column('assignment_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('horizon_months', sa.Integer(), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('drawn_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('score', sa.Double(), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignments.id'], name=op.f('fk_surveys_assignment_id')),
    sa.PrimaryKeyConstraint('assignment_id', 'kind', 'horizon_months', name=op.f('pk_surveys'))
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table('surveys')
    op.drop_table('looks')
