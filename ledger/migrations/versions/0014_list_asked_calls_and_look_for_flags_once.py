"""List calls that were asked for, and look for the flags of messages and verdicts once a statement."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0014'
down_revision: str | None = '0013'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A foreign key looks each row's flag up and locks it, by itself: a quarter of all that planning a day costs. The settings keep the
# plan that fits any number of rows, since the first one made is kept.
ITS_FLAG_IS_THERE = """
    CREATE FUNCTION its_flag_is_there() RETURNS trigger LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    DECLARE missing int;
    BEGIN
        SELECT n.flag_id INTO missing FROM new_rows n WHERE NOT EXISTS (SELECT 1 FROM flags f WHERE f.id = n.flag_id) LIMIT 1;
        IF FOUND THEN
            RAISE foreign_key_violation USING MESSAGE = format('%s: flag %s does not exist', TG_TABLE_NAME, missing);
        END IF;
        RETURN NULL;
    END $$;
"""
OF_TABLE = """
    CREATE TRIGGER its_flag_is_there AFTER INSERT ON {} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION its_flag_is_there();
"""


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column('calls', sa.Column('asked', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.execute(ITS_FLAG_IS_THERE)
    for table in ('messages', 'verdicts'):
        op.drop_constraint(op.f(f'fk_{table}_flag_id'), table, type_='foreignkey')
        op.execute(OF_TABLE.format(table))


def downgrade() -> None:
    """Take the schema back."""
    for table in ('messages', 'verdicts'):
        op.execute(f"DROP TRIGGER its_flag_is_there ON {table}")
        op.create_foreign_key(op.f(f'fk_{table}_flag_id'), table, 'flags', ['flag_id'], ['id'])
    op.execute("DROP FUNCTION its_flag_is_there()")
    op.drop_column('calls', 'asked')
