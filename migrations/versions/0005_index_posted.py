"""index posted

The order of the page: by time, equal times by id.

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-22 07:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX = "ix_comments_posted_id"


def has_index(connection):
    return INDEX in {index["name"] for index in sa.inspect(connection).get_indexes("comments")}


def upgrade():
    connection = op.get_bind()
    if has_index(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute(f"CREATE INDEX {INDEX} ON comments (posted, id) ALGORITHM=INPLACE LOCK=NONE")
    else:
        op.create_index(INDEX, "comments", ["posted", "id"])


def downgrade():
    if has_index(op.get_bind()):
        op.drop_index(INDEX, table_name="comments")
