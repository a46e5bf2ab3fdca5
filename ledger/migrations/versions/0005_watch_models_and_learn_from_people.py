"""Watch models, count what was missed, and learn from people."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision: str = '0005'
down_revision: str | None = '0004'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column('models', sa.Column('judged_on', sa.Date(), nullable=True))
    op.add_column('models', sa.Column('promoted_on', sa.Date(), nullable=True))
    op.add_column('models', sa.Column('why', sa.String(), nullable=True))
    op.execute("UPDATE models SET judged_on = trained_on")
    op.execute("UPDATE models SET promoted_on = trained_on WHERE state IN ('champion', 'retired')")
    op.add_column('cohorts', sa.Column('thresholds', postgresql.JSONB(astext_type=sa.Text()), nullable=False,
                                       server_default=sa.text("'{}'::jsonb")))
    op.alter_column('cohorts', 'thresholds', server_default=None)
    op.add_column('cohorts', sa.Column('expected_worth', sa.Double(), nullable=True))
    op.create_table('labels',
    sa.Column('flag_id', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('said_by', sa.String(), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['flag_id'], ['flags.id'], name=op.f('fk_labels_flag_id_flags')),
    sa.PrimaryKeyConstraint('flag_id', name=op.f('pk_labels'))
    )
    op.create_table('missed',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('event', sa.String(), nullable=False),
    sa.Column('why', sa.String(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('counted_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('day', 'event', 'why', name=op.f('pk_missed'))
    )
    op.create_table('watches',
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('issue', sa.String(), nullable=False),
    sa.Column('detector', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('model_sha', sa.String(), nullable=True),
    sa.Column('value', sa.Double(), nullable=True),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('alarm', sa.Boolean(), nullable=False),
    sa.Column('why', sa.String(), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('day', 'issue', 'detector', 'kind', name=op.f('pk_watches'))
    )


def downgrade() -> None:
    """Take the step back."""
    op.drop_table('watches')
    op.drop_table('missed')
    op.drop_table('labels')
    op.drop_column('cohorts', 'expected_worth')
    op.drop_column('cohorts', 'thresholds')
    op.drop_column('models', 'why')
    op.drop_column('models', 'promoted_on')
    op.drop_column('models', 'judged_on')
