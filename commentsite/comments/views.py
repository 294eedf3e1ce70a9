"""The pages of threads and comments."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request
from werkzeug.wrappers import Response

from ..errors import NotFound
from ..keyset import cursor
from ..security import sender_mark, submitted_form
from . import forms, markup, operations, policy, queries, urls

bp = Blueprint("comments", __name__, template_folder="templates")
bp.add_app_template_filter(markup.paragraphs_html)
bp.add_app_template_filter(markup.time_html)
bp.add_app_template_filter(cursor)
bp.add_app_template_global(urls.thread_url)


@bp.get("/", defaults={"path": ""})
@bp.get("/threads/<path:path>")
def thread(path: str) -> str | Response:
    """Show a page of a thread's comments, newest first: the newest, or those before or after a cursor."""
    key = _key_of(path)
    if key[1:] != path:
        return redirect(urls.thread_url(key, **request.args.to_dict()), code=308)
    page = queries.comments_in(key).page(request.args.get("before"), request.args.get("after"))
    return render_template("comments/thread.html", page=page, key=key)


@bp.post("/", defaults={"path": ""})
@bp.post("/threads/<path:path>")
def post_comment(path: str) -> Response:
    """Store a comment and go to where it now stands."""
    key = _key_of(path)
    draft = forms.comment_draft(submitted_form())
    secret = current_app.config["SECRET_KEY"]
    comment = operations.post_comment(draft, thread_key=key, sender=sender_mark(), secret=secret)
    return redirect(urls.place_url(comment), code=303)


@bp.get("/threads")
def threads() -> str:
    """List the threads, those with the latest comments first."""
    page = queries.threads().page(request.args.get("before"), request.args.get("after"))
    return render_template("comments/threads.html", page=page)


@bp.get("/comments/<text>")
def comment(text: str) -> Response:
    """Go to where the comment of this id now stands."""
    comment_id = policy.comment_id(text)
    if comment_id is None:
        raise NotFound("There is no comment of this number.")
    return redirect(urls.place_url(queries.comment_by_id(comment_id)), code=302)


def _key_of(path: str) -> str:
    key = policy.thread_key(path)
    if key is None:
        raise NotFound("No page of a site has this path, so there is no thread for it.")
    return key
