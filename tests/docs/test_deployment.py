"""docs/deployment.md: what can be typed is typed. Its servers are started by the lane `servers`."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Iterator

import pytest

from tests.databases import MariaDB

from . import reading
from .host import Host, run_as_root, running_mysql, wrong_lines

pytestmark = pytest.mark.docs

DOCUMENT = "docs/deployment.md"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, lane_missing: Callable[[str], None]) -> Iterator[Host]:
    """A machine with the program, on SQLite; what stands under "Install" has been done."""
    if not MariaDB.is_installed():
        lane_missing("no mariadbd here: install Debian's mariadb-server")
    with running_mysql(tmp_path_factory.mktemp("my")) as server:
        host = Host(tmp_path_factory.mktemp("machine"), server)
        host.make_origin()
        fetch, check = reading.under(DOCUMENT, "Install", "bash")
        host.type(fetch.text)
        host.write(reading.under(DOCUMENT, "Install", "ini")[0])
        host.printed["Install"] = host.type(check.text)
        yield host


@pytest.fixture(scope="module")
def mysql_machine(machine: Host, upgraded: str) -> Host:
    """The machine on MySQL."""
    run_as_root(machine.mysql, *reading.under(DOCUMENT, "MySQL and MariaDB", "sql")[0].text.strip().split("\n"))
    machine.write(reading.under(DOCUMENT, "MySQL and MariaDB", "ini")[0], mode="a")
    machine.run(DOCUMENT, "MySQL and MariaDB")
    return machine


@pytest.fixture(scope="module")
def upgraded(machine: Host) -> str:
    """What "Upgrading" prints, on SQLite, with a new version that adds a file."""
    (machine.origin / "NEWS").write_text("The next version.\n")
    machine.commit("The next version")
    machine.run(DOCUMENT, "Upgrading")
    return machine.printed["Upgrading"]


def test_doctor_finds_all_well_after_install(machine: Host) -> None:
    assert "schema: is at head" in machine.printed["Install"]
    assert wrong_lines(machine.printed["Install"]) == []


def test_upgrading_brings_the_next_version(machine: Host, upgraded: str) -> None:
    assert (machine.checkout / "NEWS").exists()
    assert "Nothing to do" in upgraded


def test_doctor_finds_all_well_on_mysql(mysql_machine: Host) -> None:
    assert "strict mode: is on" in mysql_machine.printed["MySQL and MariaDB"]
    assert wrong_lines(mysql_machine.printed["MySQL and MariaDB"]) == []


def test_unit_starts_gunicorn_as_its_section_does() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read_string(reading.under(DOCUMENT, "systemd", "ini")[0].text)
    assert unit["Service"]["ExecStart"] == f"/srv/commentsite/.venv/bin/{reading.command(DOCUMENT, 'gunicorn')}"
    assert unit["Service"]["WorkingDirectory"] == "/srv/commentsite"
