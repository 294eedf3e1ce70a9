"""The `commentsite` command, where it needs no server."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commentsite.cli import cli, main

SECRET = "9f2d6c1e0b7a4835"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMMENTSITE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args, prog_name="commentsite")


def test_version_is_the_packages() -> None:
    assert run("--version").output == "commentsite, version 0.1.0\n"


def test_config_check_shows_settings_but_no_secrets(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_SECRET_KEY", SECRET)
    monkeypatch.setenv("COMMENTSITE_DATABASE_URL", "mysql://u:hunter2@h/d")
    result = run("config", "check")
    assert result.exit_code == 0
    assert "COMMENTSITE_SECRET_KEY = (given)" in result.output
    assert SECRET not in result.output
    assert "hunter2" not in result.output


def test_config_check_names_every_problem(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_TIMEZONE", "Nowhere")
    monkeypatch.setenv("COMMENTSITE_PROXY_HOPS", "x")
    result = run("config", "check")
    assert result.exit_code == 1
    assert "COMMENTSITE_TIMEZONE" in result.output
    assert "COMMENTSITE_PROXY_HOPS" in result.output


def test_db_with_wrong_settings_shows_no_traceback(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_TIMEZONE", "Nowhere")
    result = run("db", "current")
    assert result.exit_code == 1
    assert result.output.startswith("Error: these settings are wrong:")


def test_doctor_finds_nothing_once_the_database_is_made(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commentsite.durability.MOUNTS", data / "none")  # the folder of a test may be in memory
    assert run("db", "upgrade").exit_code == 0
    result = run("doctor")
    assert result.exit_code == 0
    assert "BAD" not in result.output
    assert "schema: is at head" in result.output


def test_doctor_names_the_remedy(data: Path) -> None:
    result = run("doctor")
    assert result.exit_code == 1
    assert "BAD  schema" in result.output
    assert "flask --app commentsite db upgrade" in result.output


def test_doctor_runs_with_wrong_settings(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_TIMEZONE", "Nowhere")
    result = run("doctor")
    assert result.exit_code == 1
    assert "BAD  settings: COMMENTSITE_TIMEZONE" in result.output


def test_doctor_runs_with_a_data_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COMMENTSITE_DATA_DIR", str(tmp_path / "file" / "x"))
    result = run("doctor")
    assert result.exit_code == 1
    assert "COMMENTSITE_DATA_DIR" in result.output


def test_env_file_of_another_folder_is_not_read(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("COMMENTSITE_TITLE=theirs\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLASK_SKIP_DOTENV")
    monkeypatch.setattr("commentsite.config.CHECKOUT_DIR", data.parent / "elsewhere")
    assert "theirs" not in run("config", "check").output


def test_database_away_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COMMENTSITE_DATABASE_URL", "mysql://u@127.0.0.1:1/d")
    monkeypatch.setenv("COMMENTSITE_SECRET_KEY", SECRET)
    monkeypatch.setattr("sys.argv", ["commentsite", "demo", "1"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert "Error: the database does not answer" in capsys.readouterr().err
