"""List calls that were asked for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0014'
down_revision: str | None = '0013'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column('calls', sa.Column('asked', sa.Boolean(), server_default=sa.text('false'), nullable=False))


def downgrade() -> None:
    """Take the schema back."""
    op.drop_column('calls', 'asked')
