"""index thread

The order of a thread's page: by time, equal times by id. The index without the thread is of no use any more,
and goes once this one is there.

Revision ID: 0009
Revises: 0008
Create Date: 2026-11-22 08:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OF_THREAD, OF_ALL = "ix_comments_thread_id_posted_id", "ix_comments_posted_id"


def swap(made, columns, dropped):
    connection = op.get_bind()
    present = {index["name"] for index in sa.inspect(connection).get_indexes("comments")}
    if made not in present:
        if connection.dialect.name == "mysql":
            op.execute(f"CREATE INDEX {made} ON comments ({', '.join(columns)}) ALGORITHM=INPLACE LOCK=NONE")
        else:
            op.create_index(made, "comments", columns)
    if dropped in present:
        op.drop_index(dropped, table_name="comments")


def upgrade():
    swap(OF_THREAD, ["thread_id", "posted", "id"], OF_ALL)


def downgrade():
    swap(OF_ALL, ["posted", "id"], OF_THREAD)
