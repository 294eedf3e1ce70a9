"""Disks in a file that can lose their power and run out of space: ext4 on a loop device. They want root.

What was not flushed to the loop device when the power goes is lost. What the device took is kept: that a disk says
"written" of what it has in its own memory is not played here.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2  # not even the journal is written out before: the power is gone
UNMOUNT_SECONDS = 20
BLOCK = 64 * 1024


class NoDisk(Exception):
    """A disk cannot be made here; says why."""


class Disk:
    """A disk of `size_mb` MiB, all of it for root as for others; its files are in `folder` while this is open."""

    def __init__(self, place: Path, size_mb: int) -> None:
        self.image, self.folder = place / "disk", place / "mounted"
        self.size_mb = size_mb
        self.filler = self.folder / "filler"

    def __enter__(self) -> Disk:
        """Make and mount it. Raises NoDisk where that cannot be done here."""
        if os.geteuid() != 0:
            raise NoDisk("disks that lose their power or fill up are mounted by root alone")
        if not shutil.which("mkfs.ext4"):
            raise NoDisk("no mkfs.ext4 here: install Debian's e2fsprogs")
        self.folder.mkdir(parents=True)
        with self.image.open("wb") as file:
            file.truncate(self.size_mb * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", self.image)
        try:
            self.mount()
        except subprocess.CalledProcessError as problem:
            raise NoDisk(f"no disk can be mounted here: {problem.stderr.decode().strip()}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.unmount()
        finally:
            if self.folder.is_mount():  # somebody still has a file open: the loop device goes when they end
                _run("umount", "--lazy", self.folder)
            self.image.unlink(missing_ok=True)

    def mount(self) -> None:
        """Mount it, which makes the file system whole again by its journal; the loop device goes with the mount."""
        _run("mount", "-t", "ext4", "-o", "loop", self.image, self.folder)

    def unmount(self) -> None:
        """Unmount it as soon as those who were killed have let go of it."""
        give_up = time.monotonic() + UNMOUNT_SECONDS
        while True:
            try:
                return _run("umount", self.folder)
            except subprocess.CalledProcessError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)

    def cut_power(self) -> None:
        """Lose all that was not flushed; nothing can be written or read any more until it is mounted again."""
        number = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(number, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(number)

    def fill(self, *, leave: int = 0) -> None:
        """Write until nothing more fits, then give back `leave` bytes."""
        with self.filler.open("ab", buffering=0) as file:
            for size in (BLOCK, 1024):
                _write_all(file.write, bytes(size))
            os.fsync(file.fileno())
            file.truncate(max(0, file.tell() - leave))
            os.fsync(file.fileno())

    def free(self) -> None:
        """Take away what fills it."""
        self.filler.unlink()


def _write_all(write: Callable[[bytes], object], block: bytes) -> None:
    try:
        while True:
            write(block)
    except OSError:
        return


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
