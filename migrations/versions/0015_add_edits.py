"""add edits

How often a comment was edited, when last, and when it was deleted. Comments from before never were.

A deleted comment that has replies keeps its row, without its text. On the way down that row stays and is an
ordinary comment without text, so its thread counts it again.

Revision ID: 0015
Revises: 0014
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# In MySQL's words.
COLUMNS = {
    "revision": "INTEGER NOT NULL DEFAULT 1",
    "edited": "DATETIME(6) NULL",
    "deleted": "DATETIME(6) NULL",
}

threads = sa.table("threads", *map(sa.column, ("id", "comment_count", "version", "latest")))
comments = sa.table("comments", *map(sa.column, ("thread_id", "posted", "deleted")))


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
    if name == "revision":
        return sa.Column(name, sa.Integer(), server_default=sa.text("1"), nullable=False)
    return sa.Column(name, sa.DateTime(), nullable=True)


def downgrade():
    present = present_columns()
    dropped = [name for name in COLUMNS if name in present]
    if not dropped:
        return
    if op.get_bind().dialect.name == "mysql":
        with op.get_context().autocommit_block():  # each thread is its own commit and holds its comments no longer
            if "deleted" in present:
                count_deleted(op.get_bind())
        steps = ", ".join(f"DROP COLUMN {name}" for name in dropped)
        op.execute(f"ALTER TABLE comments {steps}, ALGORITHM=INPLACE, LOCK=NONE")
        return
    if "deleted" in present:
        count_deleted(op.get_bind())
    with op.batch_alter_table("comments") as batch_op:
        for name in dropped:
            batch_op.drop_column(name)


def count_deleted(connection):
    """Have each thread with deleted comments count all its rows; doing so again changes nothing but the version."""
    found = sa.select(comments.c.thread_id).where(comments.c.deleted.is_not(None)).distinct()
    for thread_id in connection.execute(found).scalars().all():
        of_thread = comments.c.thread_id == thread_id
        connection.execute(
            threads.update()
            .where(threads.c.id == thread_id)
            .values(
                comment_count=sa.select(sa.func.count()).where(of_thread).scalar_subquery(),
                latest=sa.select(sa.func.max(comments.c.posted)).where(of_thread).scalar_subquery(),
                version=threads.c.version + 1,
            )
        )
