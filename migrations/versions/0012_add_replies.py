"""add replies

What a comment replies to, and where it stands in its branch. Comments from before reply to nothing and have no
replies, which the columns' defaults say. On the way down replies stay, as ordinary comments of their thread.

Revision ID: 0012
Revises: 0011
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# In MySQL's words. The order of a branch is that of its paths' bytes, which other collations do not keep.
COLUMNS = {
    "parent_id": "INTEGER NULL",
    "root_id": "INTEGER NULL",
    "path": "VARCHAR(56) CHARACTER SET ascii COLLATE ascii_bin NULL",
    "reply_count": "INTEGER NOT NULL DEFAULT 0",
}


def present_columns():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("comments")}


def upgrade():
    missing = [name for name in COLUMNS if name not in present_columns()]
    if op.get_bind().dialect.name != "mysql":
        for name in missing:
            op.add_column("comments", sqlite_column(name))
    elif missing:
        added = ", ".join(f"ADD COLUMN {name} {COLUMNS[name]}" for name in missing)
        op.execute(f"ALTER TABLE comments {added}, ALGORITHM=INPLACE, LOCK=NONE")


def sqlite_column(name):
    if name == "path":
        return sa.Column(name, sa.String(length=56), nullable=True)
    if name == "reply_count":
        return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
    return sa.Column(name, sa.Integer(), nullable=True)


def downgrade():
    dropped = [name for name in COLUMNS if name in present_columns()]
    if not dropped:
        return
    if op.get_bind().dialect.name == "mysql":
        steps = ", ".join(f"DROP COLUMN {name}" for name in dropped)
        op.execute(f"ALTER TABLE comments {steps}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    with op.batch_alter_table("comments") as batch_op:
        for name in dropped:
            batch_op.drop_column(name)
