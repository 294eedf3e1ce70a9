"""count first thread

The first thread is there from the beginning, with the comments from before threads, however many.

Revision ID: 0010
Revises: 0009
Create Date: 2026-11-22 08:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# On the way down the first thread goes, and its comments stay; env.py's guard lets it.
meant = {"loss": ["threads"]}

FIRST_ID, FIRST_KEY = 1, "/"

threads = sa.table("threads", *map(sa.column, ("id", "key", "comment_count", "version", "latest")))
comments = sa.table("comments", sa.column("thread_id"), sa.column("posted"))


def upgrade():
    connection = op.get_bind()
    if connection.execute(sa.select(threads.c.id).where(threads.c.id == FIRST_ID)).scalar() is not None:
        return
    first = sa.select(
        sa.literal(FIRST_ID), sa.literal(FIRST_KEY), sa.func.count(), sa.literal(1), sa.func.max(comments.c.posted)
    ).where(comments.c.thread_id == FIRST_ID)
    connection.execute(threads.insert().from_select(list(threads.c.keys()), first))


def downgrade():
    op.get_bind().execute(threads.delete().where(threads.c.id == FIRST_ID))
