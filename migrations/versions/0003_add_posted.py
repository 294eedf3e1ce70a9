"""add posted

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


def has_posted(connection):
    return "posted" in {column["name"] for column in sa.inspect(connection).get_columns("comments")}


def upgrade():
    connection = op.get_bind()
    if has_posted(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE comments ADD COLUMN posted DATETIME(6) NULL, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        posted = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
        op.add_column("comments", sa.Column("posted", posted, nullable=True))


def downgrade():
    connection = op.get_bind()
    if not has_posted(connection):
        return
    if connection.dialect.name == "mysql":
        op.execute("ALTER TABLE comments DROP COLUMN posted, ALGORITHM=INPLACE, LOCK=NONE")
    else:
        with op.batch_alter_table("comments") as batch_op:
            batch_op.drop_column("posted")
