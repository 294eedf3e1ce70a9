"""The command `commentsite serve`, from its first start to its end."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from .clients import ask, post, texts
from .processes import BIN, Server, clean_environment, listening_socket

pytestmark = pytest.mark.servers

SERVE = "commentsite serve --port 8000"


def test_first_start_migrates_and_says_where_it_is(fresh_settings: dict[str, str], tmp_path: Path) -> None:
    with Server(SERVE, tmp_path, fresh_settings) as server:
        assert post(server.port, "the first").status == 303
        assert texts(server.port) == ["the first"]
    assert f"is at http://127.0.0.1:{server.port}/" in server.log
    assert f"kept in {fresh_settings['COMMENTSITE_DATA_DIR']}/comments.db" in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_signal_ends_it_cleanly(number: int, fresh_settings: dict[str, str], tmp_path: Path) -> None:
    with Server(SERVE, tmp_path, fresh_settings) as server:
        assert server.stop(number) == 0
    assert server.log.endswith("Stopped.\n")
    assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_finishes_a_post_in_progress(number: int, fresh_settings: dict[str, str], tmp_path: Path) -> None:
    database = Path(fresh_settings["COMMENTSITE_DATA_DIR"]) / "comments.db"
    with Server(SERVE, tmp_path, fresh_settings) as server, ThreadPoolExecutor(1) as pool:
        assert ask(server.port, "GET", "/").status == 200
        with closing(sqlite3.connect(database, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            posted = pool.submit(post, server.port, "late")
            assert_waits(posted.result)
            server.process.send_signal(number)
            assert_waits(server.process.wait)
            writer.execute("ROLLBACK")
        assert posted.result().status == 303
        assert server.process.wait(10) == 0


def assert_waits(result: Callable[..., object]) -> None:
    """Assert that `result` is not there for as long as it takes to notice a signal."""
    with pytest.raises((TimeoutError, subprocess.TimeoutExpired)):
        result(timeout=1)


@pytest.mark.parametrize("command", [SERVE, f"{sys.executable} -m commentsite serve --port 8000"])
def test_serve_from_another_folder_is_the_same(command: str, fresh_settings: dict[str, str], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with Server(command, tmp_path, fresh_settings, cwd=elsewhere) as server:
        assert "No comments yet" in ask(server.port, "GET", "/").body
    assert list(elsewhere.iterdir()) == []


def test_port_in_use_is_said(fresh_settings: dict[str, str], tmp_path: Path) -> None:
    environment = clean_environment(tmp_path, **fresh_settings)
    with listening_socket() as port:
        command = [str(BIN / "commentsite"), "serve", "--port", str(port)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_restart_keeps_comments_and_key(fresh_settings: dict[str, str], tmp_path: Path) -> None:
    key = Path(fresh_settings["COMMENTSITE_DATA_DIR"]) / "secret_key"
    with Server(SERVE, tmp_path, fresh_settings) as server:
        post(server.port, "before")
        made = key.read_text()
    with Server(SERVE, tmp_path, fresh_settings) as server:
        again = post(server.port, "before")
        assert (again.status, texts(server.port)) == (303, ["before"])
    assert (key.read_text(), stat.S_IMODE(key.stat().st_mode)) == (made, 0o600)


def test_serve_on_mysql_names_the_command_to_type(unmigrated_mysql: dict[str, str], tmp_path: Path) -> None:
    with Server(SERVE, tmp_path, unmigrated_mysql) as server:
        answer = ask(server.port, "GET", "/")
    assert answer.status == 503
    assert "flask --app commentsite db upgrade" in answer.body
