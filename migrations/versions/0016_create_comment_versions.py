"""create comment versions

The texts that comments had before they were edited. On the way down they would be lost with their table, so
that is refused while there are any, unless it is asked for.

Revision ID: 0016
Revises: 0015
Create Date: 2026-11-22 09:45:00
"""

from alembic import context, op, util
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEX = "ix_comment_versions_comment_id_revision"
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")

# The tables that this step's downgrade drops with their rows where `-x drop=...` names them; env.py reads it.
droppable = ["comment_versions"]


def upgrade():
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table("comment_versions"):
        op.create_table(
            "comment_versions",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("comment_id", sa.Integer(), nullable=False),
            sa.Column("revision", sa.Integer(), nullable=False),
            sa.Column("content", sa.String(length=4096), nullable=True),
            sa.Column("written", MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("id"),
            mysql_charset="utf8mb4",
        )
    elif INDEX in {index["name"] for index in inspector.get_indexes("comment_versions")}:
        return  # else this was cut short: MySQL makes the table and its index by themselves
    op.create_index(INDEX, "comment_versions", ["comment_id", "revision"], unique=True)


def downgrade():
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("comment_versions"):
        return
    if connection.execute(sa.text("SELECT 1 FROM comment_versions LIMIT 1")).scalar() and not asked_to_drop():
        raise util.CommandError(
            "There are earlier versions of edited comments, and this step would drop them with their table. "
            "Go on with `upgrade`, or, if you mean it and have a copy, say -x drop=comment_versions"
        )
    op.drop_table("comment_versions")


def asked_to_drop():
    return "drop=comment_versions" in context.get_x_argument()
