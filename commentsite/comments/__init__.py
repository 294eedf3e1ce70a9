"""The heart: threads and comments, what is true of them whoever looks, and the pages that show them.

Knows no other room. Others use its queries and operations.
"""

from __future__ import annotations

from flask import Flask

from ..errors import keep_typed
from . import commands, views


def init_app(app: Flask) -> None:
    """Add the comment page and the commands of this room to `app`."""
    app.register_blueprint(views.bp)
    app.cli.add_command(commands.demo)
    keep_typed(app, "comments.post_comment", "comments/_form.html")
