"""The disks of these tests: they lose what a power cut loses and no more, and where there are none, that is said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .disks import Disk, NoDisk
from .kept import disk_for

pytestmark = pytest.mark.faults


@pytest.fixture
def disk(tmp_path: Path, lane_missing: Callable[[str], None]) -> Iterator[Disk]:
    yield from disk_for("sqlite", tmp_path, lane_missing)


def write(path: Path, *, is_flushed: bool) -> None:
    with path.open("wb") as file:
        file.write(b"written")
        if is_flushed:
            file.flush()
            os.fsync(file.fileno())


def test_cut_loses_what_was_not_flushed_and_nothing_else(disk: Disk) -> None:
    write(disk.folder / "flushed", is_flushed=True)
    write(disk.folder / "not", is_flushed=False)
    disk.cut_power()
    disk.unmount()
    disk.mount()
    assert (disk.folder / "flushed").read_bytes() == b"written"
    assert not (disk.folder / "not").exists() or (disk.folder / "not").read_bytes() == b""


def test_nothing_can_be_written_after_a_cut(disk: Disk) -> None:
    disk.cut_power()
    with pytest.raises(OSError, match="Input/output error"):
        (disk.folder / "late").write_bytes(b"x")


def test_full_disk_takes_nothing_until_it_is_freed(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        (disk.folder / "more").write_bytes(bytes(64 * 1024))
    disk.free()
    (disk.folder / "more").write_bytes(bytes(64 * 1024))


def fail_on(disk: Disk) -> None:
    with disk:
        write(disk.folder / "file", is_flushed=False)
        raise KeyError


def test_disk_is_gone_after_an_error(tmp_path: Path, disk: Disk) -> None:
    another = Disk(tmp_path / "another", 16)
    another.image.parent.mkdir()
    with pytest.raises(KeyError):
        fail_on(another)
    assert str(another.folder) not in Path("/proc/self/mounts").read_text()
    assert not another.image.exists()


def test_who_is_not_root_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoDisk, match="by root alone"), Disk(tmp_path, 16):
        pass
