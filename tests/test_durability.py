"""What the doctor finds of the settings that a comment needs to outlive a power cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.engine import URL

from commentsite import durability
from commentsite.db import db
from commentsite.doctor import app_findings
from commentsite.durability import mount_of, settings_findings
from commentsite.findings import Finding

from .conftest import upgrade_to_head
from .databases import MariaDB, run_sql

MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/vdb /tmp ext4 rw,nobarrier 0 0
nas:/export /srv/my\\040files nfs4 rw,vers=4.2 0 0
broken line
"""

RIGHT = {
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "innodb_flush_method": "O_DIRECT",
    "foreign_key_checks": "ON",
    "unique_checks": "ON",
    "time_zone": "+00:00",
    "log_bin": "OFF",
    "sync_binlog": "0",
    "wait_timeout": "300",
}


def wrong(app: Flask) -> dict[str, Finding]:
    """Return what is wrong with the site, less that the folder of a test may be in memory."""
    with app.app_context():
        found = [finding for finding in app_findings() if not finding.is_right]
    return {finding.name: finding for finding in found if "is in memory (tmpfs)" not in finding.detail}


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that has the system say what is mounted."""

    def say(lines: str) -> None:
        (tmp_path / "mounts").write_text(lines)
        monkeypatch.setattr(durability, "MOUNTS", tmp_path / "mounts")

    return say


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]) -> Iterator[MariaDB]:
    """A server of these tests alone, with the settings it comes with, and a binary log that is flushed."""
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    server = MariaDB(tmp_path_factory.mktemp("my"), "--log-bin", "--sync-binlog=1")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def durable(mariadb: MariaDB) -> URL:
    """A database at head on that server."""
    url = mariadb.make_database("durable")
    upgrade_to_head(url)
    return url


@pytest.fixture
def set_globally(mariadb: MariaDB) -> Iterator[Callable[[str, object], None]]:
    """A function that sets a setting of the server until the test ends."""
    undo = []

    def set_to(name: str, value: object) -> None:
        undo.append(f"SET GLOBAL {name} = DEFAULT" if name != "sync_binlog" else "SET GLOBAL sync_binlog = 1")
        run_sql(mariadb.url, f"SET GLOBAL {name} = {value}")

    yield set_to
    run_sql(mariadb.url, *undo)


@pytest.mark.only_on("sqlite")
def test_nothing_is_wrong_with_a_file(app: Flask) -> None:
    assert wrong(app) == {}


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("pragma", "name"),
    [
        ("synchronous = NORMAL", "durability"),
        ("journal_mode = DELETE", "durability"),
        ("journal_mode = OFF", "durability"),
        ("foreign_keys = OFF", "foreign keys"),
    ],
)
def test_careless_pragma_is_found(app: Flask, pragma: str, name: str) -> None:
    with app.app_context():
        event.listen(db.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA {pragma}").close())
    assert wrong(app)[name].remedy


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("nfs4", "rw", "network file system (nfs4)"),
        ("cifs", "rw", "network file system (cifs)"),
        ("9p", "rw", "network file system (9p)"),
        ("fuse.sshfs", "rw", "network file system (fuse.sshfs)"),
        ("tmpfs", "rw", "in memory (tmpfs)"),
        ("ext4", "rw,nobarrier", "a power cut loses"),
        ("xfs", "rw,barrier=0", "a power cut loses"),
    ],
)
def test_disk_that_keeps_nothing_is_found(
    app: Flask, mounts: Callable[[str], None], kind: str, options: str, said: str
) -> None:
    mounts(f"/dev/x / {kind} {options} 0 0\n")
    with app.app_context():
        (disk,) = [finding for finding in app_findings() if finding.name == "disk"]
    assert not disk.is_right
    assert said in disk.detail
    assert disk.remedy


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "fuseblk", "fuse.fuse-overlayfs", "apfs"])
def test_disk_of_this_machine_is_right(app: Flask, mounts: Callable[[str], None], kind: str) -> None:
    mounts(f"/dev/x / {kind} rw 0 0\n")
    assert wrong(app) == {}


@pytest.mark.only_on("sqlite")
def test_system_without_a_list_of_mounts_is_no_trouble(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "MOUNTS", Path("/nonexistent/mounts"))
    assert wrong(app) == {}


@pytest.mark.only_on("sqlite")
def test_disk_that_is_nearly_full_is_found(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    assert wrong(app)["space"].detail == "0 MiB are free"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/var/x.db", "ext4"), ("/srv/my files/x.db", "nfs4"), ("/srv/my filesystem/x.db", "ext4")],
)
def test_mount_is_the_nearest_one_above(mounts: Callable[[str], None], path: str, kind: str) -> None:
    mounts(MOUNTS)
    mount = mount_of(Path(path))
    assert mount is not None
    assert mount.kind == kind


def test_mount_is_the_one_on_top(mounts: Callable[[str], None]) -> None:
    mounts(MOUNTS)
    mount = mount_of(Path("/tmp/x.db"))  # noqa: S108 - no file is made
    assert mount is not None
    assert "nobarrier" in mount.options


@pytest.mark.parametrize(
    ("name", "value", "beside"),
    [
        ("innodb_flush_log_at_trx_commit", "2", {}),
        ("innodb_flush_log_at_trx_commit", "0", {}),
        ("innodb_doublewrite", "OFF", {}),
        ("innodb_doublewrite", "DETECT_ONLY", {}),
        ("innodb_flush_method", "nosync", {}),
        ("innodb_force_recovery", "3", {}),
        ("read_only", "ON", {}),
        ("default_storage_engine", "MyISAM", {}),
        ("unique_checks", "OFF", {}),
        ("foreign_key_checks", "OFF", {}),
        ("time_zone", "SYSTEM", {}),
        ("sync_binlog", "0", {"log_bin": "ON"}),
        ("wsrep_sync_wait", "0", {"wsrep_on": "ON"}),
        ("wsrep_sync_wait", "6", {"wsrep_on": "ON"}),
        ("wsrep_certify_nonPK", "OFF", {"wsrep_on": "ON"}),
    ],
)
def test_careless_setting_is_named(name: str, value: str, beside: dict[str, str]) -> None:
    found = [finding for finding in settings_findings({**RIGHT, **beside, name: value}) if not finding.is_right]
    assert [finding.name for finding in found] == [name]
    assert found[0].detail.startswith(f"is {value}: ")
    assert found[0].remedy


@pytest.mark.parametrize("beside", [{"innodb_doublewrite": "1"}, {"wsrep_on": "ON", "wsrep_sync_wait": "7"}])
def test_settings_that_are_right_are_told_in_one_line(beside: dict[str, str]) -> None:
    found = list(settings_findings({**RIGHT, **beside}))
    assert all(finding.is_right for finding in found)
    assert found[0].detail.startswith("innodb_flush_log_at_trx_commit 1, innodb_doublewrite ")


def test_server_that_does_not_tell_is_found() -> None:
    found = [finding for finding in settings_findings({}) if not finding.is_right]
    assert [finding.detail for finding in found] == ["the server does not tell innodb_flush_log_at_trx_commit"]


@pytest.mark.only_on("mysql")
def test_nothing_is_wrong_with_a_server_as_it_comes(durable: URL, make_app: Callable[..., Flask]) -> None:
    assert wrong(make_app(durable)) == {}


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize(
    ("name", "value"),
    [("innodb_flush_log_at_trx_commit", 2), ("sync_binlog", 0), ("read_only", 1), ("wait_timeout", 20)],
)
def test_setting_of_a_server_is_named(
    durable: URL, make_app: Callable[..., Flask], set_globally: Callable[[str, object], None], name: str, value: object
) -> None:
    set_globally(name, value)
    with make_app(durable).app_context():
        found = list(app_findings())
    if name == "wait_timeout":  # the site sees to that itself
        assert "after 20 s, and the site opens them anew" in str(found)
    else:
        assert [finding.name for finding in found if not finding.is_right] == [name]


@pytest.mark.only_on("mysql")
def test_server_that_never_flushes_is_found(app: Flask, pytestconfig: pytest.Config) -> None:
    """The server of the other tests is one, unless another was given."""
    if not pytestconfig.getoption("--mysql-url"):
        assert set(wrong(app)) == {"innodb_flush_log_at_trx_commit", "innodb_flush_method"}


@pytest.mark.only_on("mysql")
@pytest.mark.parametrize("option", ["unique_checks = 0", "foreign_key_checks = 0", "time_zone = '+02:00'"])
def test_setting_of_the_connection_is_named(durable: URL, make_app: Callable[..., Flask], option: str) -> None:
    app = make_app(durable)
    with app.app_context():
        event.listen(db.engine, "connect", lambda raw, _: raw.cursor().execute(f"SET {option}"))
    assert list(wrong(app)) == [option.partition(" ")[0]]


@pytest.mark.only_on("mysql")
def test_table_of_another_engine_is_found_once(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("ALTER TABLE comments ENGINE=MyISAM"))
    found = {name: each.remedy for name, each in wrong(app).items() if "MyISAM" in each.detail}
    assert list(found) == ["engine of comments"]
    assert "ENGINE=InnoDB" in found["engine of comments"]
