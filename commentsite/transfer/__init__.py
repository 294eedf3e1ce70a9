"""A whole site in a file, and back: exports in an open format (docs/format.md), and backups (docs/backups.md).

Here is what a line of an export means, how it is checked and written, and which comments of it are on the site already;
what a backup holds, how it is made and compared, and how it takes the place of what there is; and an upgrade, which
begins with a backup and is rehearsed on it. The rows themselves are those of `comments`.
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
    from . import backup_commands, commands, upgrade_commands

    copies = commands.export, commands.import_, backup_commands.backup, backup_commands.restore
    return *copies, upgrade_commands.upgrade, upgrade_commands.rollback
