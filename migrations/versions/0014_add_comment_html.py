"""add comment html

What a renderer made of a comment's text, and which renderer; what stands above the text, and in which look. Comments
from before have none until they are rendered; on the way down nothing is lost, since what it came from stays.

Revision ID: 0014
Revises: 0013
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# In MySQL's words. TEXT ends at 65,535 bytes there, which the HTML of a long comment may pass.
COLUMNS = {
    "content_html": "MEDIUMTEXT NULL",
    "renderer": "VARCHAR(32) NULL",
    "head_html": "TEXT NULL",
    "look": "VARCHAR(16) NULL",
}
SQLITE_TYPES = {
    "content_html": sa.Text(),
    "renderer": sa.String(length=32),
    "head_html": sa.Text(),
    "look": sa.String(length=16),
}


def present_columns():
    return {column["name"] for column in sa.inspect(op.get_bind()).get_columns("comments")}


def upgrade():
    missing = [name for name in COLUMNS if name not in present_columns()]
    if op.get_bind().dialect.name != "mysql":
        for name in missing:
            op.add_column("comments", sa.Column(name, SQLITE_TYPES[name], nullable=True))
    elif missing:
        added = ", ".join(f"ADD COLUMN {name} {COLUMNS[name]}" for name in missing)
        op.execute(f"ALTER TABLE comments {added}, ALGORITHM=INPLACE, LOCK=NONE")


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
