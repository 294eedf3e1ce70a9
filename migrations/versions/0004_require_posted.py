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
# Rows that an older program writes while the last batch is filled make the NOT NULL fail; they are few.
ATTEMPTS = 5
NULL_IN_NOT_NULL = (1138, 1265)  # MySQL and MariaDB: data truncated, invalid use of NULL

POSTED = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
comments = sa.table("comments", sa.column("id", sa.Integer), sa.column("posted", POSTED))


def upgrade():
    moment = asked_moment()
    if op.get_bind().dialect.name == "mysql":
        upgrade_mysql(moment)
    else:
        fill(op.get_bind(), moment)
        with op.batch_alter_table(
            "comments", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ) as batch_op:
            batch_op.alter_column("posted", existing_type=POSTED, nullable=False)


def upgrade_mysql(moment):
    with op.get_context().autocommit_block():  # each batch is its own commit and holds its rows no longer
        for attempt in range(1, ATTEMPTS + 1):
            fill(op.get_bind(), moment)
            try:
                op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE")
                return
            except sa.exc.DBAPIError as error:
                if error.orig.args[0] not in NULL_IN_NOT_NULL or attempt == ATTEMPTS:
                    raise


def fill(connection, moment):
    """Give every row without a time the time of those that have one already, else `moment`."""
    moment = moment or connection.execute(sa.select(sa.func.min(comments.c.posted))).scalar() or now()
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


def asked_moment():
    """Return the moment of `-x posted=...`, UTC without its zone as the database keeps it; None if not asked for."""
    asked = context.get_x_argument(as_dictionary=True).get("posted")
    if asked is None:
        return None
    try:
        moment = datetime.fromisoformat(asked[:-1] + "+00:00" if asked.endswith("Z") else asked)
    except ValueError:
        raise util.CommandError(f"-x posted={asked} is no moment; write it as 2017-07-07T18:47+00:00") from None
    if moment.tzinfo is None:
        raise util.CommandError(f"-x posted={asked} has no zone; for UTC end it with +00:00")
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def now():
    return datetime.now(timezone.utc).replace(tzinfo=None)


def downgrade():
    if op.get_bind().dialect.name == "mysql":
        op.execute("ALTER TABLE comments MODIFY posted DATETIME(6) NULL, ALGORITHM=INPLACE, LOCK=NONE")
        return
    with op.batch_alter_table("comments", recreate="always") as batch_op:
        batch_op.alter_column("posted", existing_type=POSTED, nullable=True)
