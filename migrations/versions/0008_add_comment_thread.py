"""add comment thread

Every comment there is belongs to the first thread. The column's default says so, which fills a table of
any size at once and lets the release before this one go on posting to that thread.

Revision ID: 0008
Revises: 0007
Create Date: 2026-11-22 08:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def has_thread_id(connection):
    return "thread_id" in {column["name"] for column in sa.inspect(connection).get_columns("comments")}


def upgrade():
    connection = op.get_bind()
    if has_thread_id(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE comments ADD COLUMN thread_id INTEGER NOT NULL DEFAULT 1, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        op.add_column("comments", sa.Column("thread_id", sa.Integer(), server_default=sa.text("1"), nullable=False))


def downgrade():
    connection = op.get_bind()
    if not has_thread_id(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE comments DROP COLUMN thread_id, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        with op.batch_alter_table("comments") as batch_op:
            batch_op.drop_column("thread_id")
