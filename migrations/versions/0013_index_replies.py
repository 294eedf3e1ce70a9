"""index replies

The order of a thread's comments that reply to nothing, by time; the order of a branch, by path; and the
replies to one comment. Comments from before are all of the first kind.

Revision ID: 0013
Revises: 0012
Create Date: 2026-11-22 09:45:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_comments_thread_id_root_id_posted_id": ["thread_id", "root_id", "posted", "id"],
    "ix_comments_root_id_path": ["root_id", "path"],
    "ix_comments_parent_id": ["parent_id"],
}


def present_indexes():
    return {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("comments")}


def upgrade():
    missing = [name for name in INDEXES if name not in present_indexes()]
    if op.get_bind().dialect.name != "mysql":
        for name in missing:
            op.create_index(name, "comments", INDEXES[name])
    elif missing:
        # One statement, which reads the table once for all three.
        added = ", ".join(f"ADD INDEX {name} ({', '.join(INDEXES[name])})" for name in missing)
        op.execute(f"ALTER TABLE comments {added}, ALGORITHM=INPLACE, LOCK=NONE")


def downgrade():
    present = present_indexes()
    for name in INDEXES:
        if name in present:
            op.drop_index(name, table_name="comments")
