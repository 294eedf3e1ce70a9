"""What can go wrong, as kinds with a status, and the one handler that answers for all of them.

A browser gets a page, with what was typed kept in a form to be sent again; a program gets
`application/problem+json` (RFC 9457). No answer carries a traceback.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError
from werkzeug.http import HTTP_STATUS_CODES

from .db import is_full

RETRY_AFTER_SECONDS = 5
# Someone has to make space first.
FULL_RETRY_AFTER_SECONDS = 60

# Browsers send CR LF. One way to write a line break is kept and shown.
LINE_BREAK = re.compile("\r\n?")

# NUL and the other controls, lone surrogates and the two code points that no text format carries.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class SiteError(Exception):
    """A condition that the visitor is told about: `title` says what, `detail` what to do."""

    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.fields: dict[str, str] = {}


class InvalidInput(SiteError):
    """Input of the wrong shape; `fields` has one message for each field at fault."""

    status = 422
    title = "Not posted yet"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = dict(fields)


class BadAddress(InvalidInput):
    """The query part of an address is not one that this site makes."""

    title = "This address is not right"


class NotFound(SiteError):
    status = 404
    title = "Not found"


class NotAllowed(SiteError):
    status = 403
    title = "Not allowed"


class Conflict(SiteError):
    """What was asked for does not go with how things have come to stand."""

    status = 409
    title = "Not posted yet"


class WrongContentType(SiteError):
    status = 415
    title = "Not posted: wrong content type"


class Unavailable(SiteError):
    """The site cannot answer now; the answer says when to come back."""

    status = 503
    title = "Back in a moment"

    def __init__(self, detail: str, *, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class StorageFull(Unavailable):
    """The database has no space left to write in: 507, "insufficient storage" (RFC 4918)."""

    status = 507
    title = "No space left"


# What to say of the statuses that werkzeug raises by itself: a title and what to do.
SAYINGS = {
    400: ("Not understood", "The request could not be read. Go back and try again."),
    404: (NotFound.title, "There is no page at this address."),
    405: (NotAllowed.title, "This address does not take requests of this kind."),
    413: (
        "Not posted: too long",
        "That is more than this site takes at once, so it was not read. Go back: your browser still has your text. "
        "Shorten it and send it again.",
    ),
    500: (SiteError.title, "The fault is ours and has been written down. Nothing that was posted before is lost."),
}


def init_app(app: Flask) -> None:
    """Answer every error of `app` from here."""
    app.extensions["commentsite.forms"] = {}
    app.register_error_handler(SiteError, answer_site_error)
    app.register_error_handler(HTTPException, answer_http_exception)
    for away in (OperationalError, InterfaceError, InternalError, NoFreeConnection):
        app.register_error_handler(away, answer_database_away)


def keep_typed(app: Flask, endpoint: str, template: str) -> None:
    """Have error answers to `endpoint` include `template`: its form, filled with what was typed.

    The template is given `typed`, a mapping of field to text, and `fields`, of field to message.
    """
    app.extensions["commentsite.forms"][endpoint] = template


def answer_site_error(error: SiteError) -> Response:
    return _answer(error.status, error.title, error.detail, fields=error.fields, headers=error.headers)


def answer_http_exception(error: HTTPException) -> Response:
    if isinstance(error, SecurityError):  # the host is none of ours, so there is no address to link to
        return Response("This site does not answer to that name.", 400, content_type="text/plain; charset=utf-8")
    status = error.code or 500
    headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    title, detail = SAYINGS.get(status, (HTTP_STATUS_CODES.get(status, SiteError.title), str(error.description)))
    return _answer(status, title, detail, headers=headers)


def answer_database_away(error: OperationalError | InterfaceError | InternalError | NoFreeConnection) -> Response:
    """Answer 503 for a database that cannot be asked now, 507 for one without space; with one line in the log.

    Raises an InternalError that is neither: PyMySQL has this kind for a server's troubles with its files.
    """
    reason = str(getattr(error, "orig", None) or error)
    if isinstance(error, DBAPIError) and is_full(error):
        current_app.logger.error("no space left: %s %s: %s", request.method, request.path, reason)
        return answer_site_error(
            StorageFull(
                "The site's disk is full, so nothing of this was stored. Send it again in a few minutes."
                if request.method == "POST"
                else "The site's disk is full. Try again in a few minutes.",
                retry_after_seconds=FULL_RETRY_AFTER_SECONDS,
            )
        )
    if isinstance(error, InternalError):
        raise error
    current_app.logger.error("database away: %s %s: %s", request.method, request.path, reason)
    return answer_site_error(
        Unavailable(
            "The database does not answer just now. Send your comment again in a few seconds: it will not appear twice."
            if request.method == "POST"
            else "The database does not answer just now. Try again in a few seconds."
        )
    )


def _answer(
    status: int,
    title: str,
    detail: str,
    *,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    fields = fields or {}
    if wants_json():
        response = jsonify(
            {"type": "about:blank", "title": title, "status": status, "detail": detail, "errors": dict(fields)}
        )
        response.content_type = "application/problem+json"
    else:
        # Of what was too large only a part was read, and a part is not what was typed.
        is_kept = request.method == "POST" and status != RequestEntityTooLarge.code
        form = current_app.extensions["commentsite.forms"].get(request.endpoint) if is_kept else None
        typed = typed_fields() if form else {}
        response = make_response(
            render_template("error.html", title=title, detail=detail, fields=fields, typed=typed, form=form)
        )
    response.status_code = status
    response.headers.update(headers or {})
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_json() -> bool:
    """Say whether the request speaks JSON: it prefers it to HTML, or sent it."""
    if request.is_json:
        return True
    best = request.accept_mimetypes.best_match(["text/html", "application/problem+json", "application/json"])
    return best not in (None, "text/html")


def typed_fields() -> dict[str, str]:
    """Return what was typed into the form of this request, less what no page can carry; empty where it was not read.

    Bytes that are not UTF-8 come back as the replacement character, where werkzeug would drop the whole form.
    Of fields of one name the first counts. A form sent as text/plain, which no view takes, is read here as well.
    """
    try:
        body = request.get_data().decode("utf-8", "replace")
        if request.mimetype == "application/x-www-form-urlencoded":
            fields = parse_qsl(body, keep_blank_values=True, errors="replace")
        elif request.mimetype == "text/plain":
            name, _, value = body.partition("=")
            fields = [(name, value)]
        else:
            fields = list(request.form.items())
    except HTTPException:
        return {}
    return {name: UNPRINTABLE.sub("", LINE_BREAK.sub("\n", value)) for name, value in reversed(fields)}
