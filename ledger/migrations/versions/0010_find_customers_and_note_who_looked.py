"""Find customers by their telephone, note who looked at whom and what was said, and let colleagues ask for calls."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = '0010'
down_revision: str | None = '0009'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PHONE_END = "\"right\"(regexp_replace(phone, '[^0-9]'::text, ''::text, 'g'::text), 8)"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table('notes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('written_by', sa.String(), nullable=False),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notes'))
    )
    op.create_index('ix_notes_customer_id_written_at', 'notes', ['customer_id', 'written_at'])
    op.create_table('views',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('customer_id', sa.String(), nullable=False),
    sa.Column('seen_by', sa.String(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('unmasked', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_views'))
    )
    op.create_index('ix_views_customer_id_seen_at', 'views', ['customer_id', 'seen_at'])
    op.add_column('calls', sa.Column('customer_id', sa.String(), nullable=True))
    op.add_column('calls', sa.Column('asked_by', sa.String(), nullable=True))
    op.create_index('ix_calls_customer_id', 'calls', ['customer_id'], postgresql_where=sa.text('customer_id IS NOT NULL'))
    op.create_index('ix_customers_phone_end', 'customers', [sa.text(PHONE_END)], postgresql_where=sa.text('phone IS NOT NULL'))


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index('ix_customers_phone_end', table_name='customers')
    op.drop_index('ix_calls_customer_id', table_name='calls')
    op.drop_column('calls', 'asked_by')
    op.drop_column('calls', 'customer_id')
    op.drop_table('views')
    op.drop_table('notes')
