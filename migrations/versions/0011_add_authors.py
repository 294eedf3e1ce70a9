"""add authors

Who wrote a comment, as they say themselves: a name, an address for mail, a website, and the mark that tells
one writer of a name from another. All are optional, and comments from before have none. On the way down they
go with their columns.

Revision ID: 0011
Revises: 0010
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LENGTHS = {"name": 80, "email": 254, "website": 500, "mark": 16}


def present_columns():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("comments")}


def upgrade():
    missing = [name for name in LENGTHS if name not in present_columns()]
    if op.get_bind().dialect.name != "mysql":
        for name in missing:
            op.add_column("comments", sa.Column(name, sa.String(length=LENGTHS[name]), nullable=True))
    elif missing:
        added = ", ".join(f"ADD COLUMN {name} VARCHAR({LENGTHS[name]}) NULL" for name in missing)
        op.execute(f"ALTER TABLE comments {added}, ALGORITHM=INPLACE, LOCK=NONE")


def downgrade():
    dropped = [name for name in LENGTHS if name in present_columns()]
    if not dropped:
        return
    if op.get_bind().dialect.name == "mysql":
        steps = ", ".join(f"DROP COLUMN {name}" for name in dropped)
        op.execute(f"ALTER TABLE comments {steps}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    with op.batch_alter_table("comments") as batch_op:
        for name in dropped:
            batch_op.drop_column(name)
