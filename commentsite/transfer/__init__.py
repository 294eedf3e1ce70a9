"""A whole site's comments in a file: what goes out, and what comes in (the format is in docs/format.md).

Here is what a line of such a file means, how it is checked and written, and which comments of a file are on the site
already. The rows themselves are those of `comments`.
"""

from __future__ import annotations

from flask import Flask

from . import commands


def init_app(app: Flask) -> None:
    """Add the commands of this room to `app`."""
    app.cli.add_command(commands.export)
    app.cli.add_command(commands.import_)
