"""The `commentsite` command: Flask's own group, and what belongs to no room."""

from __future__ import annotations

import gc
import sys
from importlib.metadata import version

import click
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo, pass_script_info, routes_command, shell_command
from flask_migrate import upgrade
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from . import config, create_app, doctor, schema
from .db import db
from .findings import Finding
from .server import Server


def _app() -> Flask:
    return create_app()


@click.group(
    cls=FlaskGroup,
    name="commentsite",
    create_app=_app,
    load_dotenv=False,  # config.environment() reads the one `.env` that counts, not one found on the way up from here
    add_default_commands=False,
    add_version_option=False,
)
@click.version_option(version("commentsite"), prog_name="commentsite")
def cli() -> None:
    """Comments for a site: serve them, keep their database, see that all is well."""


# The command is this app's; there is no other to choose.
cli.params = [param for param in cli.params if param.name != "app"]
cli.add_command(shell_command)
cli.add_command(routes_command)


@cli.command(with_appcontext=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 for any.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64), help="How many requests at once.")
@pass_script_info
def serve(info: ScriptInfo, host: str, port: int, threads: int) -> None:
    """Serve the site until it is stopped; migrate the database first if it is SQLite."""
    app = info.load_app()
    with app.app_context():
        is_sqlite = db.engine.dialect.name == "sqlite"
        if is_sqlite and not schema.is_newer():
            upgrade()
        problem = _problem()
        database = config.shown_database(db.engine.url)
    try:
        server = Server(app, host, port, threads)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"commentsite {version('commentsite')} is at http://{shown}:{server.port}/")
    click.echo(f"Comments are kept in {db_place(app) if is_sqlite else database}")
    if problem:
        click.secho(f"Visitors are told to come back later: {problem}", fg="yellow")
    click.echo("Stop it with Ctrl+C.")
    gc.freeze()  # as in wsgi.py
    server.run()
    click.echo("Stopped.")


def _problem() -> str | None:
    """Return why the current app cannot show comments yet, None if it can."""
    try:
        return schema.schema_problem()
    except (DBAPIError, NoFreeConnection) as error:
        return f"the database does not answer: {getattr(error, 'orig', None) or error}"


def db_place(app: Flask) -> str:
    """Return the path of the SQLite file of `app`."""
    with app.app_context():
        return str(db.engine.url.database)


@cli.group(name="config")
def config_group() -> None:
    """Look at the settings."""


@config_group.command(name="check", with_appcontext=False)
def config_check() -> None:
    """Check every setting; name each that is wrong."""
    settings, problems = config.check(config.environment())
    if problems:
        raise config.InvalidSettings(problems)
    for name, value in settings.items():
        click.echo(f"{config.PREFIX}{name} = {_shown(name, value)}")
    click.echo("All settings are right.")


def _shown(name: str, value: object) -> str:
    if name in ("SECRET_KEY", "MYSQL_PASSWORD"):
        return "(given)" if value else "(not given)"
    if name == "DATABASE_URL" and isinstance(value, URL):
        return config.shown_database(value)
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


@cli.command(name="doctor", with_appcontext=False)
@pass_script_info
def doctor_command(info: ScriptInfo) -> None:
    """Check settings, files and database; say what to do about what is wrong."""
    findings = doctor.settings_findings()
    if all(finding.is_right for finding in findings):
        try:
            with info.load_app().app_context():
                findings += list(doctor.app_findings())
        except config.InvalidSettings as error:
            findings += [Finding("settings", False, problem, "Correct it.") for problem in error.problems]
    for finding in findings:
        click.echo(f"{'ok ' if finding.is_right else 'BAD'}  {finding.name}: {finding.detail}")
        if not finding.is_right and finding.remedy:
            click.echo(f"     {finding.remedy}")
    if not all(finding.is_right for finding in findings):
        sys.exit(1)


def main() -> None:
    """Run the command; where the database does not answer, say so in one line and end with 1."""
    try:
        cli.main(prog_name="commentsite")
    except (DBAPIError, NoFreeConnection) as problem:
        reason = getattr(problem, "orig", None) or problem
        click.secho(f"Error: the database does not answer: {reason}\nType: commentsite doctor", fg="red", err=True)
        sys.exit(1)
