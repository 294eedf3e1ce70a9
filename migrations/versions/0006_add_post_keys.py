"""add post keys

Two unique keys that make one post sent twice one comment. Comments from before have none.

Revision ID: 0006
Revises: 0005
Create Date: 2026-11-22 07:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS = ("post_key", "post_key_shifted")


def has_keys(connection):
    return "post_key" in {column["name"] for column in sa.inspect(connection).get_columns("comments")}


def upgrade():
    connection = op.get_bind()
    if has_keys(connection):
        return
    if connection.dialect.name == "mysql":
        # One statement, which MySQL does whole or not at all.
        columns = [f"ADD COLUMN {key} VARCHAR(32) NULL" for key in KEYS]
        indexes = [f"ADD UNIQUE INDEX ix_comments_{key} ({key})" for key in KEYS]
        op.execute(f"ALTER TABLE comments {', '.join(columns + indexes)}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    for key in KEYS:
        op.add_column("comments", sa.Column(key, sa.String(length=32), nullable=True))
        op.create_index(f"ix_comments_{key}", "comments", [key], unique=True)


def downgrade():
    connection = op.get_bind()
    if not has_keys(connection):
        return
    if connection.dialect.name == "mysql":
        dropped = [f"DROP INDEX ix_comments_{key}, DROP COLUMN {key}" for key in KEYS]
        op.execute(f"ALTER TABLE comments {', '.join(dropped)}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    for key in KEYS:
        op.drop_index(f"ix_comments_{key}", table_name="comments")
    with op.batch_alter_table("comments") as batch_op:
        for key in KEYS:
            batch_op.drop_column(key)
