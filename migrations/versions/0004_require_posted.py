"""require posted

Every comment without a time gets one, the same for all, so that their order by id stays: the moment
of the upgrade, or what `-x posted=2017-07-07T18:47+00:00` says. An upgrade that was cut short goes on
with the time it began with. Then the column is NOT NULL, and on SQLite ids are never used again.

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 07:00:00
"""

from datetime import datetime, timezone

from alembic import context, op, util
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BATCH_ROWS = 2000

# SQLite compares times as text, so all must be written to the microsecond; those that other programs wrote may not be.
WRITE_ALIKE = """
UPDATE comments SET posted = strftime('%Y-%m-%d %H:%M:%f', posted) || '000'
WHERE posted IS NOT NULL AND posted NOT GLOB '????-??-?? ??:??:??.??????'
"""

# The columns, by table, whose values this step changes on purpose: an upgrade that compares all rows leaves them out.
changes = {"comments": ["posted"]}

POSTED = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
comments = sa.table("comments", sa.column("id", sa.Integer), sa.column("posted", POSTED))


def upgrade():
    asked = context.get_x_argument(as_dictionary=True).get("posted")
    moment = None if asked is None else read_moment(asked)
    if op.get_bind().dialect.name == "mysql":
        upgrade_mysql(moment)
    else:
        op.execute(WRITE_ALIKE)
        fill(op.get_bind(), moment or earliest(op.get_bind()) or now())
        with op.batch_alter_table(
            "comments", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ) as batch_op:
            batch_op.alter_column("posted", existing_type=POSTED, nullable=False)


def upgrade_mysql(moment):
    with op.get_context().autocommit_block():  # each batch is its own commit and holds its rows no longer
        connection = op.get_bind()
        moment = moment or earliest(connection) or now()
        # The program before this schema may still run. What it stores from here on has a time by itself.
        op.execute(f"ALTER TABLE comments ALTER COLUMN posted SET DEFAULT '{moment}', ALGORITHM=INPLACE, LOCK=NONE")
        fill(connection, moment)
        op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE")


def earliest(connection):
    """Return the earliest time there is; where an upgrade was cut short, that is the one it began with."""
    return connection.execute(sa.select(sa.func.min(comments.c.posted))).scalar()


def fill(connection, moment):
    """Give every row without a time `moment`, BATCH_ROWS by BATCH_ROWS."""
    last = None
    while True:
        ids = sa.select(comments.c.id).order_by(comments.c.id).limit(BATCH_ROWS)
        if last is not None:
            ids = ids.where(comments.c.id > last)
        upper = connection.execute(sa.select(sa.func.max(ids.subquery().c.id))).scalar()
        if upper is None:
            return
        rows = comments.update().where(comments.c.posted.is_(None), comments.c.id <= upper)
        if last is not None:
            rows = rows.where(comments.c.id > last)
        connection.execute(rows.values(posted=moment))
        last = upper


def read_moment(asked):
    """Return the moment that `-x posted=...` names, UTC without its zone as the database keeps it."""
    try:
        moment = datetime.fromisoformat(asked[:-1] + "+00:00" if asked.endswith("Z") else asked)
        has_zone = moment.tzinfo is not None
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise util.CommandError(f"-x posted={asked} is no moment; write it as 2017-07-07T18:47+00:00") from None
    if not has_zone:
        raise util.CommandError(f"-x posted={asked} has no zone; for UTC end it with +00:00")
    return moment


# What may be given as `-x name=value`, and what reads it; env.py tries it before the first migration runs.
arguments = {"posted": read_moment}


def now():
    return datetime.now(timezone.utc).replace(tzinfo=None)


def downgrade():
    if op.get_bind().dialect.name == "mysql":
        op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NULL, ALGORITHM=INPLACE, LOCK=NONE")
        return
    with op.batch_alter_table("comments", recreate="always") as batch_op:
        batch_op.alter_column("posted", existing_type=POSTED, nullable=True)
