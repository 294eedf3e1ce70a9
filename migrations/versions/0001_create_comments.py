"""create comments

The tutorial's first table, to the letter. A database whose table the tutorial's own code made is
stamped with this revision and goes on from here; one where it was forgotten is recognised.

Revision ID: 0001
Revises:
Create Date: 2026-11-22 07:00:00
"""

from alembic import op, util
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    inspector = sa.inspect(op.get_bind())
    if inspector.has_table("comments"):
        columns = {column["name"] for column in inspector.get_columns("comments")}
        if not {"id", "content"} <= columns <= {"id", "content", "posted"}:
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
    if sa.inspect(op.get_bind()).has_table("comments"):
        op.drop_table("comments")
