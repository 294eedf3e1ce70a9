"""store all characters

Tables that MySQL made with an older default (latin1, utf8mb3) refuse emoji and most scripts. The
conversion copies the table; readers go on meanwhile. The database's default is what later migrations
make their tables with. SQLite stores every character as it is.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-22 07:00:00
"""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The conversion copies the table; env.py's guard lets it.
meant = {"lock": ["comments"]}

DATABASE_SET = "SELECT default_character_set_name FROM information_schema.schemata WHERE schema_name = DATABASE()"
CONTENT_SET = """
SELECT character_set_name FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = 'comments' AND column_name = 'content'
"""


def upgrade():
    connection = op.get_bind()
    if connection.dialect.name != "mysql":
        return
    if connection.execute(sa.text(DATABASE_SET)).scalar() != "utf8mb4":
        op.execute("ALTER DATABASE CHARACTER SET utf8mb4")
    if connection.execute(sa.text(CONTENT_SET)).scalar() != "utf8mb4":
        op.execute("ALTER TABLE comments CONVERT TO CHARACTER SET utf8mb4, LOCK=SHARED")


def downgrade():
    """Leave the character set: the older ones cannot hold what was written since."""
