"""create comments

The tutorial's first table, to the letter. A database whose table the tutorial's own code made is
stamped with this revision and goes on from here; one where it was forgotten is recognised.

Revision ID: 0001
Revises:
Create Date: 2026-11-22 07:00:00
"""

from alembic import context, op, util
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The tables that this step's downgrade drops with their rows where `-x drop=...` names them; env.py reads it.
droppable = ["comments"]


def is_the_tutorials(types):
    """Say whether a table has the tutorial's columns, with or without the `posted` of its second half."""
    if not {"id", "content"} <= set(types) <= {"id", "content", "posted"}:
        return False
    content = types["content"]
    return isinstance(types["id"], sa.Integer) and isinstance(content, sa.VARCHAR) and content.length == 4096


def upgrade():
    inspector = sa.inspect(op.get_bind())
    if inspector.has_table("comments"):
        if not is_the_tutorials({column["name"]: column["type"] for column in inspector.get_columns("comments")}):
            raise util.CommandError(
                "There is a table named comments here that is not the tutorial's; it is left alone."
            )
        return
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(length=4096), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade():
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("comments"):
        return
    if connection.execute(sa.text("SELECT 1 FROM comments LIMIT 1")).scalar() and not asked_to_drop():
        raise util.CommandError(
            "There are comments, and this step would drop them with their table. "
            "Go on with `upgrade`, or, if you mean it and have a copy, say -x drop=comments"
        )
    op.drop_table("comments")


def asked_to_drop():
    return "drop=comments" in context.get_x_argument()
