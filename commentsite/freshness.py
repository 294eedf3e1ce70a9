"""Whether the page that a browser holds is still the page: entity tags made of versions, and the answer 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from flask import Flask, Response, current_app, request, url_for
from werkzeug.http import quote_etag

from . import minify
from .config import PACKAGE_DIR, SETTINGS
from .minify import MINIFIED

# What decides how pages look, beside what is in the database.
LOOKS = ("*.html", "*.py", "*.css", "*.js", "*.svg")
YEAR_SECONDS = 365 * 24 * 3600
# Where an answer says in the environ that it is for everyone: the thread it shows and the state it shows it in (see
# versions.py), None where it stays as it is.
SHARED = "commentsite.shared"
FOR_ALL = "no-cache"  # to be kept, and asked for again before it is shown again
NOT_SHOWN = frozenset({"SECRET_KEY", "DATABASE_URL", "MYSQL_PASSWORD", "PAGE_CACHE_MB"})


def init_app(app: Flask) -> None:
    """Work out the edition of `app`, another one where program, templates, style or settings are others.

    Files of the style have their own in their address, so that browsers ask for each once.
    """
    digest = hashlib.sha256(version("commentsite").encode())
    for path in sorted(path for pattern in LOOKS for path in PACKAGE_DIR.rglob(pattern)):
        digest.update(path.read_bytes())
    for name in sorted(SETTINGS.keys() - NOT_SHOWN):
        digest.update(f"{name}={app.config[name]}\n".encode())
    app.extensions["commentsite.edition"] = digest.hexdigest()[:16]
    app.extensions["commentsite.static"] = {path.name: _edition_of(path) for path in (PACKAGE_DIR / "static").iterdir()}
    app.add_template_global(static_url)
    app.after_request(keep_static)


def _edition_of(path: Path) -> str:
    made_by = Path(minify.__file__).read_bytes() if path.suffix in MINIFIED else b""
    return hashlib.sha256(path.read_bytes() + made_by).hexdigest()[:8]


def static_url(filename: str) -> str:
    """Return the address of a file of the style, with the edition of the file."""
    return url_for("static", filename=filename, v=current_app.extensions["commentsite.static"][filename])


def keep_static(response: Response) -> Response:
    """Have a file of the style kept for good by those who asked for its present edition, and sent to them minified."""
    if request.endpoint != "static" or response.status_code != 200:
        return response
    edition = request.args.get("v")
    if edition:
        name = (request.view_args or {}).get("filename", "")
        if current_app.extensions["commentsite.static"].get(name) == edition:
            response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
            response.direct_passthrough = False
            minified = MINIFIED.get(Path(name).suffix)
            if minified:
                response.set_data(minified(response.get_data(as_text=True)))
                response.set_etag(edition)  # for it is not the file
                del response.headers["Accept-Ranges"]
            request.environ[SHARED] = None, None
    return response


def entity_tag(state: str) -> str:
    """Return what tells a page from others; `state` says all that it shows beside the address and the edition."""
    edition = current_app.extensions["commentsite.edition"]
    return hashlib.sha256(f"{edition} {state}".encode()).hexdigest()[:24]


def conditional(state: str, render: Callable[[], str], *, is_private: bool = False) -> Response:
    """Return the page that `render` makes, or 304 where the browser holds the page of the same `state`.

    A private page is one of one visitor alone. Every page is to be asked for again before it is shown again: it may
    have changed.
    """
    tag = entity_tag(state)
    if not request.if_none_match.star_tag and request.if_none_match.contains_weak(tag):
        response = Response(status=304)
        del response.headers["Content-Type"]
    else:
        response = Response(render(), mimetype="text/html")
    response.headers["ETag"] = quote_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache" if is_private else FOR_ALL
    return response
