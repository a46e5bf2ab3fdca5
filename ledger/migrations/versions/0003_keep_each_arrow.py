"""Keep each arrow."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision: str = '0003'
down_revision: str | None = '0002'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


KEEP_EACH_ARROW = """
    CREATE FUNCTION keep_each_arrow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO transitions (message_id, from_state, to_state, fence, reasons, at)
        SELECT a.id, b.state, a.state, a.fence, a.reasons,
               CASE WHEN a.moved_at IS NULL THEN now() ELSE a.moved_at END
        FROM after_it a JOIN before_it b USING (id) WHERE a.state <> b.state;
        RETURN NULL;
    END $$;
    CREATE TRIGGER keep_each_arrow AFTER UPDATE ON messages REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
    FOR EACH STATEMENT EXECUTE FUNCTION keep_each_arrow();
"""


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table('calls',
    sa.Column('message_key', sa.String(), nullable=False),
    sa.Column('says', sa.String(), nullable=False),
    sa.Column('listed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('verdict', sa.String(), nullable=True),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('settled_by', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('message_key', name=op.f('pk_calls'))
    )
    op.create_index('ix_calls_open', 'calls', ['listed_at'], unique=False, postgresql_where='verdict IS NULL')
    op.create_table('event_bodies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('digest', sa.String(), nullable=False),
    sa.Column('content_type', sa.String(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.String(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event_bodies')),
    sa.UniqueConstraint('digest', name=op.f('uq_event_bodies_digest'))
    )
    op.create_index('ix_event_bodies_received_at', 'event_bodies', ['received_at'], unique=False)
    op.create_index('ix_event_bodies_unread', 'event_bodies', ['id'], unique=False, postgresql_where='read_at IS NULL')
    op.create_table('provider_events',
    sa.Column('provider', sa.String(), nullable=False),
    sa.Column('event_id', sa.String(), nullable=False),
    sa.Column('message_key', sa.String(), nullable=True),
    sa.Column('known', sa.Boolean(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('detail', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.PrimaryKeyConstraint('provider', 'event_id', name=op.f('pk_provider_events'))
    )
    op.create_index('ix_provider_events_message_key', 'provider_events', ['message_key'], unique=False)
    op.create_table('transitions',
    sa.Column('message_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('from_state', sa.String(), nullable=False),
    sa.Column('to_state', sa.String(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('reasons', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('message_id', 'id', name=op.f('pk_transitions'))
    )
    op.create_table('contacts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('customer_id', sa.String(), nullable=True),
    sa.Column('message_id', sa.Integer(), nullable=True),
    sa.Column('flag_id', sa.Integer(), nullable=True),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handled_by', sa.String(), nullable=True),
    sa.Column('note', sa.String(), nullable=True),
    sa.ForeignKeyConstraint(['flag_id'], ['flags.id'], name=op.f('fk_contacts_flag_id')),
    sa.ForeignKeyConstraint(['message_id'], ['messages.id'], name=op.f('fk_contacts_message_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contacts')),
    sa.UniqueConstraint('source_id', name=op.f('uq_contacts_source_id'))
    )
    op.create_index(op.f('ix_contacts_customer_id'), 'contacts', ['customer_id'], unique=False)
    op.create_index(op.f('ix_contacts_message_id'), 'contacts', ['message_id'], unique=False)
    op.create_index('ix_contacts_open', 'contacts', ['received_at'], unique=False, postgresql_where='handled_at IS NULL')
    op.add_column('messages', sa.Column('needs_approval', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_table('claims',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('begun_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_claims'))
    )
    op.create_index('ix_claims_waiting', 'claims', ['lease_until'], unique=False, postgresql_where='begun_at IS NULL AND revoked_at IS NULL')
    op.add_column('messages', sa.Column('claim_id', sa.Integer(), nullable=True))
    op.add_column('messages', sa.Column('moved_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_index('ix_messages_due', table_name='messages')
    op.create_index('ix_messages_due', 'messages', ['due_at', 'id'], postgresql_where="state IN ('planned', 'approved')")
    op.execute(KEEP_EACH_ARROW)


def downgrade() -> None:
    """Take the schema back."""
    op.execute("DROP TRIGGER keep_each_arrow ON messages; DROP FUNCTION keep_each_arrow()")
    op.drop_index('ix_messages_due', table_name='messages')
    op.create_index('ix_messages_due', 'messages', ['due_at'], postgresql_where="state = 'planned'")
    op.drop_column('messages', 'claim_id')
    op.drop_table('claims')
    op.drop_column('messages', 'moved_at')
    op.drop_column('messages', 'needs_approval')
    op.drop_index('ix_contacts_open', table_name='contacts', postgresql_where='handled_at IS NULL')
    op.drop_index(op.f('ix_contacts_message_id'), table_name='contacts')
    op.drop_index(op.f('ix_contacts_customer_id'), table_name='contacts')
    op.drop_table('contacts')
    op.drop_table('transitions')
    op.drop_index('ix_provider_events_message_key', table_name='provider_events')
    op.drop_table('provider_events')
    op.drop_index('ix_event_bodies_unread', table_name='event_bodies', postgresql_where='read_at IS NULL')
    op.drop_index('ix_event_bodies_received_at', table_name='event_bodies')
    op.drop_table('event_bodies')
    op.drop_index('ix_calls_open', table_name='calls', postgresql_where='verdict IS NULL')
    op.drop_table('calls')
