"""add thread closed

When a thread was closed to new comments. Those there are so far are open; on the way down all are open again.

Revision ID: 0017
Revises: 0016
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def has_closed(connection):
    return "closed" in {column["name"] for column in sa.inspect(connection).get_columns("threads")}


def upgrade():
    connection = op.get_bind()
    if has_closed(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE threads ADD COLUMN closed DATETIME(6) NULL, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        op.add_column("threads", sa.Column("closed", sa.DateTime(), nullable=True))


def downgrade():
    connection = op.get_bind()
    if not has_closed(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE threads DROP COLUMN closed, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        with op.batch_alter_table("threads") as batch_op:
            batch_op.drop_column("closed")
