"""The comment page."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request
from werkzeug.wrappers import Response

from ..errors import BadAddress, NotFound
from ..security import sender_mark, submitted_form
from . import forms, markup, operations, policy, queries, urls

bp = Blueprint("comments", __name__, template_folder="templates")
bp.add_app_template_filter(markup.paragraphs_html)
bp.add_app_template_filter(markup.time_html)
bp.add_app_template_filter(urls.cursor)


@bp.get("/")
def thread() -> str:
    """Show a page of comments, newest first: the newest, or those before or after a cursor."""
    before, after = request.args.get("before"), request.args.get("after")
    if before is not None and after is not None:
        raise BadAddress({"cursor": "This address asks for older and for newer comments at once. Begin at the newest."})
    if before is not None:
        page = queries.page_before(urls.position_of(before))
    elif after is not None:
        page = queries.page_after(urls.position_of(after))
    else:
        page = queries.newest_page()
    return render_template("comments/thread.html", page=page)


@bp.post("/")
def post_comment() -> Response:
    """Store a comment and go to where it now stands."""
    draft = forms.comment_draft(submitted_form())
    comment = operations.post_comment(draft, sender=sender_mark(), secret=current_app.config["SECRET_KEY"])
    return redirect(urls.place_url(comment), code=303)


@bp.get("/comments/<text>")
def comment(text: str) -> Response:
    """Go to where the comment of this id now stands."""
    comment_id = policy.comment_id(text)
    if comment_id is None:
        raise NotFound("There is no comment of this number.")
    return redirect(urls.place_url(queries.comment_by_id(comment_id)), code=302)
