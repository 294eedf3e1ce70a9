"""The pages of threads and comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Blueprint, current_app, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from ..clock import utc_now
from ..errors import NotAllowed, NotFound, wants_json
from ..freshness import SHARED, conditional
from ..keyset import cursor, moment_of
from ..reading import snapshot
from ..security import refuse_no_origin, sender_mark, submitted_form
from . import articles, conversation, cookies, markup, operations, pages, policy, queries, urls
from .models import Comment

if TYPE_CHECKING:
    from . import forms

bp = Blueprint("comments", __name__, template_folder="templates")
bp.add_app_template_filter(markup.time_html)
bp.add_app_template_filter(markup.mark_svg)
bp.add_app_template_filter(cursor)
bp.add_app_template_filter(moment_of)
bp.add_app_template_filter(articles.name_html)
bp.add_app_template_global(articles.article_html)
bp.add_app_template_global(urls.thread_url)
bp.add_app_template_global(urls.replies_url)
bp.add_app_template_global(urls.order_value)
bp.add_app_template_global(urls.query)
bp.add_app_template_global(urls.kept_order)


@bp.get("/", defaults={"path": ""})
@bp.get("/threads/<path:path>")
def thread(path: str) -> Response:
    """Show a page of a thread: its comments in their order, each with the first replies to it."""
    key = _key_of(path)
    if key[1:] != path:
        kept = {name: request.args[name] for name in ("before", "after", "order") if name in request.args}
        return redirect(urls.thread_url(key, **kept), code=308)
    with snapshot():
        return _thread_page(key)


def _thread_page(key: str) -> Response:
    asked = pages.Asked(key, urls.chosen_order(), request.args.get("before"), request.args.get("after"))
    found = queries.thread_by_key(key)
    return _page(found, lambda visitor: pages.thread_html(found, asked, urls.thread_url(key), visitor))


@bp.post("/", defaults={"path": ""})
@bp.post("/threads/<path:path>")
def post_comment(path: str) -> Response:
    """Store a comment and go to where it now stands, or show how it will look."""
    key, order = _key_of(path), urls.chosen_order()
    fields = submitted_form()
    draft = _comment_draft(fields)
    if fields.get("preview"):
        return _preview(fields, draft.content, "comments/_form.html")
    secret = current_app.config["SECRET_KEY"]
    stored = operations.post_comment(draft, thread_key=key, sender=sender_mark(), secret=secret)
    response = redirect(urls.new_place_url(stored, key, order), code=303)
    if policy.may_own(stored.posted, utc_now()):
        cookies.remember_own(response, stored)
    cookies.remember_writer(response, draft, is_wanted=bool(fields.get("remember")))
    return response


@bp.get("/threads")
def threads() -> str:
    """List the threads, those with the latest comments first."""
    page = queries.THREADS.page(request.args.get("before"), request.args.get("after"))
    return render_template("comments/threads.html", page=page)


@bp.get("/comments/<text>")
def comment(text: str) -> Response:
    """Go to where the comment of this id now stands."""
    return redirect(urls.place_url(_comment(text), urls.chosen_order()), code=302)


@bp.get("/comments/<text>/replies")
def replies(text: str) -> Response:
    """Show a page of all replies below a comment that replies to none."""
    root = _comment(text)
    if root.root_id is not None:
        return redirect(urls.place_url(root, urls.chosen_order()), code=302)
    root_id, thread_id = root.id, root.thread_id
    with snapshot():
        return _replies_page(root_id, thread_id)


def _replies_page(root_id: int, thread_id: int) -> Response:
    found = queries.thread_by_id(thread_id)
    before, after = request.args.get("before"), request.args.get("after")

    def render(visitor: Mapping[str, Any]) -> str:
        (shown,) = articles.completed(queries.shown_by_ids([root_id], articles.look()))
        replies = conversation.replies(shown, before, after, current_app.config["REPLY_DEPTH"])
        return render_template("comments/replies.html", root=shown, replies=replies, thread=found, **visitor)

    return _page(found, render)


@bp.get("/comments/<text>/reply")
def reply(text: str) -> Response:
    """Show a comment and the form for a reply to it."""
    comment = _living_comment(text)
    typed = {**cookies.writer(), "parent": str(comment.id)}
    found = queries.thread_of(comment)
    return _unkept(render_template("comments/reply.html", shown=pages.shown(comment), thread=found, typed=typed))


@bp.get("/comments/<text>/edit")
def edit(text: str) -> Response:
    """Show the form in which a writer changes a comment."""
    comment = _own_comment(text)
    typed = {"content": comment.content or "", "revision": str(comment.revision)}
    return _unkept(render_template("comments/edit.html", shown=pages.shown(comment), typed=typed))


@bp.post("/comments/<text>/edit")
def edit_comment(text: str) -> Response:
    """Store the new text of a comment and go to where it stands; where another edit came first, show both texts."""
    from .forms import edit_draft

    comment, order = _own_comment(text), urls.chosen_order()
    fields = submitted_form()
    draft = edit_draft(fields)
    if fields.get("preview"):
        return _preview(fields, draft.content, "comments/_edit_form.html")
    window = current_app.config["EDIT_WINDOW_MINUTES"]
    try:
        comment = operations.edit_comment(draft, comment.id, window_minutes=window)
    except operations.EditConflict as conflict:
        if wants_json():
            raise
        comment = _living_comment(text)
        typed = {"content": draft.content, "revision": str(comment.revision)}
        page = render_template("comments/edit.html", shown=pages.shown(comment), typed=typed, conflict=conflict)
        return _unkept(page, conflict.status)
    return redirect(urls.place_url(comment, order), code=303)


@bp.get("/comments/<text>/delete")
def delete(text: str) -> Response:
    """Ask the writer of a comment whether it is to go."""
    return _unkept(render_template("comments/delete.html", shown=pages.shown(_own_comment(text))))


@bp.post("/comments/<text>/delete")
def delete_comment(text: str) -> Response:
    """Delete a comment and go to where it stood."""
    comment = _own_comment(text)
    key, order = queries.thread_of(comment).key, urls.chosen_order()
    window = current_app.config["EDIT_WINDOW_MINUTES"]
    placeholder = operations.delete_comment(comment.id, window_minutes=window)
    if placeholder is not None:
        return redirect(urls.place_url(placeholder, order), code=303)
    return redirect(urls.thread_url(key, order=urls.order_value(order), _anchor="comments"), code=303)


def _key_of(path: str) -> str:
    key = policy.thread_key(path)
    if key is None:
        raise NotFound("No page of a site has this path, so there is no thread for it.")
    return key


def _comment(text: str) -> Comment:
    comment_id = policy.comment_id(text)
    if comment_id is None:
        raise NotFound("There is no comment of this number.")
    return queries.comment_by_id(comment_id)


def _living_comment(text: str) -> Comment:
    comment = _comment(text)
    if comment.deleted:
        raise NotFound("This comment was deleted.")
    return comment


def _own_comment(text: str) -> Comment:
    if request.method == "POST":
        refuse_no_origin()
    comment = _living_comment(text)
    if not cookies.is_own(comment):
        raise NotAllowed(
            "A comment is changed in the browser that posted it, and for a while after it was posted. Either this is "
            "another browser, or the time is over."
        )
    return comment


def _page(thread: queries.ThreadState | None, render: Callable[[Mapping[str, Any]], str]) -> Response:
    """Answer with the page that `render` makes of what it shows to this visitor alone."""
    visitor = {"own": cookies.own_comments(), "typed": cookies.writer()}
    if any(visitor.values()):
        state = f"{thread} {visitor}"
        return conditional(state, lambda: render(visitor), is_private=True)
    if thread is not None:
        request.environ[SHARED] = queries.state_of(thread)
    return conditional(str(thread), lambda: render(visitor))


def _comment_draft(fields: Mapping[str, str]) -> forms.CommentDraft:
    # Here, and not above: it takes 70 ms that a process which only shows pages need not spend.
    from .forms import comment_draft

    return comment_draft(
        fields,
        require_name=current_app.config["REQUIRE_NAME"],
        require_email=current_app.config["REQUIRE_EMAIL"],
    )


def _preview(fields: Mapping[str, str], content: str, form: str) -> Response:
    rendered = markup.rendered(content)
    return _unkept(render_template("comments/preview.html", content_html=rendered.html, typed=fields, form=form))


def _unkept(page: str, status: int = 200) -> Response:
    """Answer with a page that shows what a visitor typed or has in cookies, and that nobody is to keep."""
    response = make_response(page, status)
    response.headers["Cache-Control"] = "no-store"
    return response
