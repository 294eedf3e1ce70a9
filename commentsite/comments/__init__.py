"""The heart: threads and comments, what is true of them whoever looks, and the pages that show them.

Knows no other room. Others use its queries and operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from ..commands import add_commands
from ..errors import keep_typed
from . import articles, direct, views

if TYPE_CHECKING:
    from click import Command


def init_app(app: Flask) -> None:
    """Add the pages and the commands of this room to `app`."""
    app.register_blueprint(views.bp)
    articles.init_app(app)
    add_commands(app, _commands)
    keep_typed(app, "comments.post_comment", "comments/_form.html")
    keep_typed(app, "comments.edit_comment", "comments/_edit_form.html")
    direct.init_app(app)


def _commands() -> Iterable[Command]:
    from . import commands

    return commands.demo, commands.rerender, commands.close, commands.open_again
