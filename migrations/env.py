"""How migrations run: one at a time, each whole or able to run again, and never losing a row unsaid."""

import hashlib
import logging
import time
from collections import Counter
from contextlib import contextmanager

from alembic import context, util
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations import ops
from alembic.script import ScriptDirectory
from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from commentsite import guard
from commentsite.db import UTCDateTime, migration_engine

# Less than the 64 characters that a MySQL lock name may have.
LOCK_NAME = "commentsite-migrations-{}"
LOCK_SECONDS = 600
# How long a statement waits for others to leave a table; readers that come meanwhile wait behind it.
TABLE_LOCK_SECONDS = 5
ATTEMPTS = 6
PAUSE_SECONDS = 1
LOCK_WAIT, DEADLOCK = 1205, 1213

logger = logging.getLogger("alembic.env")


class LastingIds(SQLiteImpl):
    """SQLite's part of Alembic, with AUTOINCREMENT kept when a batch migration builds a table anew.

    Reflection does not see it, and without it SQLite gives the id of a deleted row to the next one.
    """

    __dialect__ = "sqlite"

    def prep_table_for_batch(self, batch_impl, table):
        super().prep_table_for_batch(batch_impl, table)
        made_by = text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
        if "AUTOINCREMENT" in self.connection.execute(made_by, {"name": table.name}).scalar().upper():
            batch_impl.new_table.dialect_options["sqlite"]["autoincrement"] = True


def show_progress():
    """Let Alembic say which migration runs, if nobody has set up logging; leave every other logger alone."""
    alembic_logger = logging.getLogger("alembic")
    is_silent = all(isinstance(handler, logging.NullHandler) for handler in alembic_logger.handlers)
    if is_silent and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)-5.5s [%(name)s] %(message)s"))
        alembic_logger.addHandler(handler)
        alembic_logger.setLevel(logging.INFO)


def render_item(kind, item, autogen_context):
    """Write our own column type as what it is in the database, so that migrations import no application."""
    if kind == "type" and isinstance(item, UTCDateTime):
        autogen_context.imports.add("from sqlalchemy.dialects import mysql")
        return "sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')"
    return False


def number_and_mend(migration_context, revision, directives):
    """Give a new revision the next number, and put its downgrade into an order that MySQL can follow."""
    script = directives[0]
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives[:] = []
        logger.info("No changes in schema detected.")
        return
    known = [one.revision for one in ScriptDirectory.from_config(context.config).walk_revisions()]
    script.rev_id = f"{1 + max((int(number) for number in known if number.isdecimal()), default=0):04d}"
    for direction in (script.upgrade_ops, script.downgrade_ops):
        free_indexes(direction)


def free_indexes(operations):
    """Drop foreign keys before indexes, and no index of a table that is dropped: MySQL error 1553 else."""
    dropped = {step.table_name for step in operations.ops if isinstance(step, ops.DropTableOp)}
    kept = []
    for step in operations.ops:
        if isinstance(step, ops.ModifyTableOps):
            step.ops.sort(key=lambda change: not is_foreign_key_drop(change))
            if step.table_name in dropped:
                step.ops[:] = [change for change in step.ops if not isinstance(change, ops.DropIndexOp)]
            if not step.ops:
                continue
        elif isinstance(step, ops.DropIndexOp) and step.table_name in dropped:
            continue
        kept.append(step)
    operations.ops[:] = kept


def is_foreign_key_drop(change):
    return isinstance(change, ops.DropConstraintOp) and change.constraint_type == "foreignkey"


@contextmanager
def mysql_turn(connection):
    """Hold the right to migrate this database; wait for another process that holds it."""
    name = LOCK_NAME.format(hashlib.sha256(connection.engine.url.database.encode()).hexdigest()[:16])
    if not connection.execute(text("SELECT GET_LOCK(:name, 0)"), {"name": name}).scalar():
        logger.info("Waiting for another migration of this database to end.")
        if not connection.execute(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": LOCK_SECONDS}).scalar():
            raise util.CommandError(f"Another migration of this database has run for {LOCK_SECONDS} seconds.")
    connection.execute(text("SET SESSION lock_wait_timeout = :wait"), {"wait": TABLE_LOCK_SECONDS})
    connection.commit()
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
            connection.commit()


@contextmanager
def sqlite_turn(connection):
    """Have all migrations in one transaction that begins by taking the right to write, without cascades.

    A batch migration drops the old table, and with foreign keys on that would delete every row that
    refers to it. The pragma works outside a transaction only; what it would have refused is looked
    for before the commit.
    """
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    driver.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    try:
        yield
    finally:
        connection.rollback()
        driver.execute("PRAGMA foreign_keys = ON")


def highest_ids(connection):
    """Return the highest id that each SQLite table with AUTOINCREMENT ever gave, by table."""
    if not connection.dialect.has_table(connection, "sqlite_sequence"):
        return {}
    return dict(connection.execute(text("SELECT name, seq FROM sqlite_sequence")).all())


def raise_highest_ids(connection, highest):
    """Have tables that were built anew go on where they were, also where their last rows are deleted."""
    for name, seq in highest.items():
        connection.execute(
            text("UPDATE sqlite_sequence SET seq = :seq WHERE name = :name AND seq < :seq"), {"name": name, "seq": seq}
        )


def refuse_orphans(connection):
    """Raise if any row refers to one that is not there, whether or not a migration brought that about."""
    orphans = Counter((row.table, row.parent) for row in connection.execute(text("PRAGMA foreign_key_check")))
    if orphans:
        said = "; ".join(f"{n} rows of {table} refer to rows of {parent}" for (table, parent), n in orphans.items())
        raise util.CommandError(f"{said} that are gone; nothing was changed.")


def refuse_bad_arguments():
    """Raise, before anything is changed, for an `-x name=value` that no migration asks for or can read."""
    readers, tables = {}, []
    for script in ScriptDirectory.from_config(context.config).walk_revisions():
        readers |= getattr(script.module, "arguments", {})
        tables += getattr(script.module, "droppable", [])
    for name, _, value in (given.partition("=") for given in context.get_x_argument()):
        if name == "drop":
            refuse_to_drop(value, tables)
        elif name == "allow":
            refuse_to_allow(value)
        elif name in readers:
            readers[name](value)
        else:
            raise util.CommandError(f"-x {name}={value} is nothing that a migration here asks for")


def refuse_to_drop(asked, tables):
    """Raise unless `-x drop=...` names one of `tables`, those that a step drops with their rows when told to."""
    if asked not in tables:
        known = " or ".join(f"-x drop={table}" for table in sorted(tables))
        raise util.CommandError(f"-x drop={asked} names no table that can be dropped; say {known}")


def refuse_to_allow(asked):
    """Raise unless `-x allow=...` names a harm that the guard knows."""
    if asked not in guard.KINDS:
        known = " or ".join(f"-x allow={kind}" for kind in guard.KINDS)
        raise util.CommandError(f"-x allow={asked} names nothing that is refused here; say {known}")


def asked_for(name):
    """Return what was said by `-x name=...`, however often."""
    given = (argument.partition("=") for argument in context.get_x_argument())
    return [value for said, _, value in given if said == name]


def run_until_let(connection):
    """Run the migrations; where others held a table or row of MySQL for too long, go on from there, a few times."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            context.run_migrations()
            return
        except OperationalError as error:
            if connection.dialect.name != "mysql" or error.orig.args[0] not in (LOCK_WAIT, DEADLOCK):
                raise
            if attempt == ATTEMPTS:
                raise util.CommandError(
                    "Something else holds a table that is to be changed. No comment is lost; "
                    "end what holds it (SHOW PROCESSLIST names it) and run this again."
                ) from error
            logger.info("Something else holds a table that is to be changed; trying again.")
            connection.rollback()  # and let those through that waited behind this
            time.sleep(PAUSE_SECONDS)


def run_migrations(connection):
    is_sqlite = connection.dialect.name == "sqlite"
    options = {
        **current_app.extensions["migrate"].configure_args,
        "process_revision_directives": number_and_mend,
        "render_item": render_item,
        "transactional_ddl": is_sqlite,
        "transaction_per_migration": not is_sqlite,
    }
    if is_sqlite:
        connection = connection.execution_options(is_writing=True)
    with sqlite_turn(connection) if is_sqlite else mysql_turn(connection):
        context.configure(
            connection=connection, target_metadata=current_app.extensions["migrate"].db.metadata, **options
        )
        with context.begin_transaction():
            highest = highest_ids(connection) if is_sqlite else {}
            with guard.Guard(connection, asked_for("allow"), asked_for("drop")).watch():
                run_until_let(connection)
            if is_sqlite:
                raise_highest_ids(connection, highest)
                refuse_orphans(connection)


if context.is_offline_mode():
    raise util.CommandError("These migrations look at the database before each step, so they cannot be written as SQL.")

show_progress()
refuse_bad_arguments()
engine = migration_engine()
try:
    with engine.connect() as connection:
        run_migrations(connection)
except OperationalError as error:
    said = f"The database does not do it: {error.orig}"
    if "database is locked" in str(error.orig):
        said = "Something else holds the database for long. Nothing was changed; end what holds it and run this again."
    raise util.CommandError(said) from error
finally:
    if engine is not current_app.extensions["migrate"].db.engine:
        engine.dispose()
