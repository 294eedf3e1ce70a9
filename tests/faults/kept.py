"""Databases whose files are on a disk that fails, started and killed with it."""

from __future__ import annotations

import logging
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from sqlalchemy.engine import URL

from tests.conftest import plain, upgrade_to_head
from tests.databases import MariaDB
from tests.servers.conftest import bare_settings

from .disks import Disk, NoDisk

logger = logging.getLogger(__name__)

NO_SPACE_TO_ROLL_BACK = "InnoDB: Error (Out of disk space) in rollback."
DISK_MB = {"sqlite": 256, "mysql": 512}


def disk_for(backend: str, place: Path, lane_missing: Callable[[str], None]) -> Iterator[Disk]:
    """Yield a disk for a database of the kind `backend`; where there can be none, say that the lane is missing."""
    if backend == "mysql" and not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    with ExitStack() as stack:
        try:
            disk = stack.enter_context(Disk(place, DISK_MB[backend]))
        except NoDisk as reason:
            lane_missing(str(reason))
        yield disk


class OnDisk:
    """A database at head on `disk`; what is not to be lost with the disk is in `place`."""

    def __init__(self, disk: Disk, place: Path) -> None:
        self.disk, self.place = disk, place
        self.url = self._make()
        upgrade_to_head(self.url)

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a site on it."""
        return {**bare_settings(self.place), "COMMENTSITE_DATABASE_URL": plain(self.url)}

    def _make(self) -> URL:
        raise NotImplementedError

    def start(self) -> None:
        """Have it answer again after the disk was away or it gave up; nothing changes where it does."""

    def gave_up(self) -> bool:
        """Say whether it ended itself because the disk is full. Raises AssertionError if for another reason."""
        return False

    def kill(self) -> None:
        """End it without a word."""


class SQLiteOnDisk(OnDisk):
    """A file in WAL mode; a library and no server, so it ends with those who use it."""

    def _make(self) -> URL:
        return URL.create("sqlite", database=str(self.disk.folder / "comments.db"))


class SQLiteWithoutWAL(OnDisk):
    """A file where SQLite has no shared memory and so refuses WAL, as on network file systems."""

    def _make(self) -> URL:
        path = f"file:{self.disk.folder}/comments.db"
        return URL.create("sqlite", database=path, query={"vfs": "unix-dotfile", "uri": "true"})

    def start(self) -> None:
        file = self.disk.folder / "comments.db"
        # This way of locking is by a folder, which outlives who was killed.
        shutil.rmtree(f"{file}.lock", ignore_errors=True)
        # SQLite 3.40 takes its own lock of this kind for a writer's, and so leaves a journal that is to be rolled back.
        # By locks of the system, which network file systems have, it rolls back; and nobody else is here now.
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchall()


class MariaDBOnDisk(OnDisk):
    """A private `mariadbd` with the settings it comes with, and `options`; its log and socket are in `place`."""

    def __init__(self, disk: Disk, place: Path, *options: str) -> None:
        self.options = options
        super().__init__(disk, place)

    def _make(self) -> URL:
        folder, data = self.place / "my", self.disk.folder / "data"
        folder.mkdir()
        data.mkdir()
        (folder / "data").symlink_to(data)
        self.server = MariaDB(folder, "--innodb-log-file-size=16M", *self.options)
        self.server.start()
        return self.server.make_database("comments")

    def start(self) -> None:
        if self.gave_up():
            logger.info("MariaDB ended itself: it had no space to roll back")
            self.kill()
        if self.server.process is None:
            self.server.start()

    def gave_up(self) -> bool:
        """Say so where InnoDB found no space to roll back, for which it ends the server."""
        if self.server.process is None or self.server.process.poll() is None:
            return False
        assert NO_SPACE_TO_ROLL_BACK in (self.server.folder / "log").read_text()
        return True

    def kill(self) -> None:
        self.server.stop(signal.SIGKILL)


def on_disk(backend: str, disk: Disk, place: Path, *options: str) -> OnDisk:
    """Return a new database of the kind `backend` on `disk`."""
    return MariaDBOnDisk(disk, place, *options) if backend == "mysql" else SQLiteOnDisk(disk, place)
