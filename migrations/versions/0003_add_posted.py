"""add posted

The tutorial's second half has the column already; on MySQL it keeps whole seconds there and is widened,
which copies the table. Readers go on meanwhile.

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 07:00:00
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Where it is widened, the table is copied; env.py's guard lets it.
meant = {"lock": ["comments"]}

POSTED = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def posted_type(connection):
    """Return the type of the column, None where it is not there."""
    return {column["name"]: column["type"] for column in sa.inspect(connection).get_columns("comments")}.get("posted")


def upgrade():
    connection = op.get_bind()
    present = posted_type(connection)
    if connection.dialect.name != "mysql":
        if present is None:
            op.add_column("comments", sa.Column("posted", POSTED, nullable=True))
    elif present is None:
        op.execute("ALTER TABLE comments ADD COLUMN posted DATETIME(6) NULL, ALGORITHM=INPLACE, LOCK=NONE")
    elif getattr(present, "fsp", None) != 6:
        op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NULL, LOCK=SHARED")


def downgrade():
    connection = op.get_bind()
    if posted_type(connection) is None:
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE comments DROP COLUMN posted, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        with op.batch_alter_table("comments") as batch_op:
            batch_op.drop_column("posted")
