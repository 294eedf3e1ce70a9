"""${message}

A migration here
- imports nothing of the application: it must run the same when the application has moved on;
- goes up and down with rows in the tables, on SQLite and on MySQL;
- may be run again after it died half-way. DDL on MySQL is not rolled back, so a migration has one
  DDL step, or looks at the schema before each step;
- says `ALGORITHM=INPLACE, LOCK=NONE` in MySQL statements on a table that grows, so that one which
  would stop readers or writers fails instead;
- fills rows in batches, each its own commit on MySQL;
- adds before it takes away: the release before this one must be able to run on the new schema.
  Expand: what is new is NULL or has a default, and is filled. Contract: what is old goes two releases
  later, when the release before does not use it any more ("Expand, then contract", CONTRIBUTING.md);
- is refused where it would lose rows, or values on the way up, cascade, or lock a big table, unless
  `-x allow=...` is said, or here: meant = {"loss": ["table"]};
- says which values it changes on purpose, or takes away, after `depends_on`: changes = {"table": ["column"]}, with "*"
  for the whole table. `commentsite upgrade` compares all others before and after, and stops at any difference.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
Create Date: ${create_date}
"""
from alembic import op
import sqlalchemy as sa
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
