"""Addresses for machines that watch the site, and the icon that browsers ask for by themselves."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, jsonify

from .errors import Unavailable
from .schema import schema_problem

bp = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Add `/healthz`, `/readyz` and `/favicon.ico` to `app`."""
    app.register_blueprint(bp)


@bp.get("/healthz")
def healthz() -> Response:
    """Answer 200 while the process is alive, whatever the database does."""
    return _uncached(jsonify(status="alive"))


@bp.get("/readyz")
def readyz() -> Response:
    """Answer 200 if the database answers and its schema fits, else 503 with the reason."""
    problem = schema_problem()
    if problem:
        raise Unavailable(problem)
    return _uncached(jsonify(status="ready"))


@bp.get("/favicon.ico")
def favicon() -> Response:
    return current_app.send_static_file("favicon.ico")


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
