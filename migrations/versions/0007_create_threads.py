"""create threads

The conversations of a site, each known by a key. The comments there are so far belong to the first, `/`.

Revision ID: 0007
Revises: 0006
Create Date: 2026-11-22 08:00:00
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# On the way down the threads go, and their comments stay; env.py's guard lets it.
meant = {"loss": ["threads"]}

MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
# Keys differ by case and accents, which MySQL's other collations take for the same.
KEY = sa.String(length=500).with_variant(mysql.VARCHAR(length=500, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")


INDEXES = {"ix_threads_key": (["key"], True), "ix_threads_latest_id": (["latest", "id"], False)}


def upgrade():
    inspector = sa.inspect(op.get_bind())
    present = set()
    if inspector.has_table("threads"):  # this was cut short: MySQL makes the table and each index by themselves
        present = {index["name"] for index in inspector.get_indexes("threads")}
    else:
        op.create_table(
            "threads",
            sa.Column("id", sa.Integer(), nullable=False),
            sa.Column("key", KEY, nullable=False),
            sa.Column("comment_count", sa.Integer(), nullable=False),
            sa.Column("version", sa.Integer(), nullable=False),
            sa.Column("latest", MOMENT, nullable=True),
            sa.PrimaryKeyConstraint("id"),
            mysql_charset="utf8mb4",
            sqlite_autoincrement=True,
        )
    for name, (columns, is_unique) in INDEXES.items():
        if name not in present:
            op.create_index(name, "threads", columns, unique=is_unique)


def downgrade():
    if sa.inspect(op.get_bind()).has_table("threads"):
        op.drop_table("threads")
