"""commentsite: comments for a site, kept in SQLite or MySQL.

`create_app` is the factory that the commands, the WSGI servers and the tests call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask

from . import comments, compiled, config, db, errors, frames, freshness, front, health, schema, security, transfer


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Return a new app, set up from the environment and `.env`, then from `overrides`.

    `overrides` maps names of settings without their prefix, or Flask's own configuration, to values.
    Raises config.InvalidSettings, which names every setting that cannot work.
    """
    settings = config.load(overrides)
    app = Flask(__name__, instance_path=str(settings["DATA_DIR"]))
    app.config.from_mapping(settings)
    app.jinja_options = {**compiled.OPTIONS, "bytecode_cache": compiled.CompiledTemplates(compiled.OPTIONS)}

    db.init_app(app)
    errors.init_app(app)
    security.init_app(app)
    freshness.init_app(app)
    frames.init_app(app)
    health.init_app(app)
    schema.init_app(app)

    comments.init_app(app)
    transfer.init_app(app)
    front.init_app(app)
    return app
