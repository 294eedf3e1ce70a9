"""Backups in a folder: the name that each gets, and which are old enough to go."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

_NAME = re.compile(r"commentsite-\d{8}T\d{6}Z\.zip", re.ASCII)


def dated(folder: Path, now: datetime) -> Path:
    """Return where a backup made `now`, in UTC, goes in a folder."""
    return folder / f"commentsite-{now:%Y%m%dT%H%M%SZ}.zip"


def outdated(folder: Path, keep: int, newest: Path) -> list[Path]:
    """Return the backups of a folder beyond the newest `keep`, of which `newest` is one whatever the clock said.

    Files of other names are none of them.
    """
    found = [each for each in folder.iterdir() if _NAME.fullmatch(each.name) and each.is_file() and each != newest]
    return sorted(found, key=lambda each: each.name, reverse=True)[keep - 1 :]
