"""A whole site's comments in a file: what goes out, and what comes in (the format is in docs/format.md).

Here is what a line of such a file means, how it is checked and written, and which comments of a file are on the site
already. The rows themselves are those of `comments`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from ..commands import add_commands

if TYPE_CHECKING:
    from click import Command


def init_app(app: Flask) -> None:
    """Add the commands of this room to `app`."""
    add_commands(app, _commands)


def _commands() -> Iterable[Command]:
    from . import commands

    return commands.export, commands.import_
