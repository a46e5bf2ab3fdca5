"""Find the acts of a kind or a person, and the messages that were only rehearsed."""

from collections.abc import Sequence

from alembic import op

revision: str = '0011'
down_revision: str | None = '0010'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_index('ix_acts_act_id', 'acts', ['act', 'id'], unique=False)
    op.create_index('ix_acts_actor_id', 'acts', ['actor', 'id'], unique=False)
    op.create_index('ix_acts_subject_begins', 'acts', ['subject'], unique=False, postgresql_ops={'subject': 'text_pattern_ops'})
    op.create_index('ix_messages_shadow', 'messages', ['issue', 'day', 'id'], unique=False, postgresql_where="state = 'shadow'")


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index('ix_messages_shadow', table_name='messages', postgresql_where="state = 'shadow'")
    op.drop_index('ix_acts_subject_begins', table_name='acts', postgresql_ops={'subject': 'text_pattern_ops'})
    op.drop_index('ix_acts_actor_id', table_name='acts')
    op.drop_index('ix_acts_act_id', table_name='acts')
