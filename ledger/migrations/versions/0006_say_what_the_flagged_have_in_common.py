"""Say what the flagged have in common."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
revision: str = '0006'
down_revision: str | None = '0005'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column('cohorts', sa.Column('over_represented', postgresql.JSONB(astext_type=sa.Text()), nullable=False,
                                       server_default=sa.text("'[]'::jsonb")))
    op.alter_column('cohorts', 'over_represented', server_default=None)


def downgrade() -> None:
    """Bring the schema back."""
    op.drop_column('cohorts', 'over_represented')
