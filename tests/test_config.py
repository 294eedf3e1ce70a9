"""Settings: converted by their declared type, all problems at once, the database from a URL or from parts."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from commentsite import config, create_app
from commentsite.config import InvalidSettings

SECRET = "0123456789012345678901234567890123456789"


def problems(**given: Any) -> list[str]:
    return config.check(given)[1]


@pytest.fixture
def in_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Pretend to be an installed package, started in a folder of its own that is returned."""
    monkeypatch.setattr(config, "CHECKOUT_DIR", None)
    monkeypatch.delenv("FLASK_SKIP_DOTENV")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_are_right() -> None:
    settings, found = config.check({})
    assert found == []
    assert (settings["TITLE"], settings["TIMEZONE"], settings["PROXY_HOPS"]) == ("Comments", "UTC", 0)
    assert settings["DATABASE_URL"].get_backend_name() == "sqlite"


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as caught:
        config.load({"TIMEZONE": "Mars/Olympus", "PROXY_HOPS": "many", "SECRET_KEY": "short", "TITLE": "a\nb"})
    assert len(caught.value.problems) == 4
    for name in ("TIMEZONE", "PROXY_HOPS", "SECRET_KEY", "TITLE"):
        assert f"COMMENTSITE_{name} " in caught.value.format_message()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIMEZONE", "../../etc/passwd"),
        ("TIMEZONE", "Europe"),
        ("TIMEZONE", "/etc/localtime"),
        ("TIMESTAMP_FORMAT", "%Q"),
        ("TIMESTAMP_FORMAT", "%"),
        ("TIMESTAMP_FORMAT", "  "),
        ("TIMESTAMP_FORMAT", "%H%n"),
        ("PROXY_HOPS", "-1"),
        ("PROXY_HOPS", "11"),
        ("MYSQL_PORT", "70000"),
        ("DATABASE_URL", "postgresql://localhost/x"),
        ("DATABASE_URL", "comments.db"),
        ("DATABASE_URL", "mysql://localhost:port/x"),
        ("ALLOWED_ORIGINS", "www.example.com"),
        ("ALLOWED_ORIGINS", "https://www.example.com/"),
    ],
)
def test_wrong_value_is_named(name: str, value: str) -> None:
    assert [found for found in problems(**{name: value}) if found.startswith(f"COMMENTSITE_{name} ")]


def test_unknown_setting_is_named() -> None:
    assert problems(TIMZONE="UTC") == ["COMMENTSITE_TIMZONE is no setting of this version"]


def test_environment_wants_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMENTSITE_SECRET_KEY", SECRET)
    monkeypatch.setenv("COMMENTSITE_TITLE", "True")
    app = create_app({"DATABASE_URL": "sqlite://"})
    assert app.secret_key == SECRET
    assert app.config["TITLE"] == "True"


def test_empty_value_means_the_default() -> None:
    assert config.check({"TITLE": "", "PROXY_HOPS": ""})[0]["TITLE"] == "Comments"


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql", "mysql+mysqldb"])
def test_mysql_url_means_pymysql(scheme: str) -> None:
    url = config.check({"DATABASE_URL": f"{scheme}://u:p@h/d", "SECRET_KEY": SECRET})[0]["DATABASE_URL"]
    assert url.drivername == "mysql+pymysql"


def test_mysql_parts_are_taken_as_they_are() -> None:
    given = {"MYSQL_HOST": "alice.mysql.example", "MYSQL_USER": "alice", "MYSQL_DATABASE": "alice$comments"}
    settings, found = config.check({**given, "MYSQL_PASSWORD": "p@:/%$# '\"", "SECRET_KEY": SECRET})
    url = settings["DATABASE_URL"]
    assert found == []
    assert (url.database, url.password, url.port) == ("alice$comments", "p@:/%$# '\"", 3306)


def test_mysql_parts_that_are_missing_are_named() -> None:
    found = problems(MYSQL_HOST="h", SECRET_KEY=SECRET)
    assert [problem.split()[0] for problem in found] == ["COMMENTSITE_MYSQL_USER", "COMMENTSITE_MYSQL_DATABASE"]


def test_mysql_parts_beside_a_url_are_refused() -> None:
    found = problems(DATABASE_URL="sqlite://", MYSQL_HOST="h")
    assert found == ["COMMENTSITE_MYSQL_HOST stands beside COMMENTSITE_DATABASE_URL; give one or the other"]


def test_mysql_wants_a_secret_key() -> None:
    assert "COMMENTSITE_SECRET_KEY is needed" in problems(DATABASE_URL="mysql://u@h/d")[0]


def test_mysql_with_a_secret_needs_no_data_folder(tmp_path: Path) -> None:
    create_app({"DATABASE_URL": "mysql://u@h/d", "SECRET_KEY": SECRET, "DATA_DIR": str(tmp_path / "none")})
    assert not (tmp_path / "none").exists()


def test_env_file_keeps_dollars_and_hashes(in_wheel: Path) -> None:
    (in_wheel / ".env").write_text(
        "COMMENTSITE_MYSQL_DATABASE=user$comments\nCOMMENTSITE_MYSQL_PASSWORD='p@:/%$#${x}'\n"
    )
    assert config.environment() == {"MYSQL_DATABASE": "user$comments", "MYSQL_PASSWORD": "p@:/%$#${x}"}


def test_environment_comes_before_the_env_file(in_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (in_wheel / ".env").write_text("COMMENTSITE_TITLE=file\nCOMMENTSITE_TIMEZONE=Europe/Berlin\nOTHER=1\n")
    monkeypatch.setenv("COMMENTSITE_TITLE", "environment")
    assert config.environment() == {"TITLE": "environment", "TIMEZONE": "Europe/Berlin"}


def test_env_file_of_a_checkout_is_read_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / ".env").write_text("COMMENTSITE_TITLE=mine\n")
    monkeypatch.setattr(config, "CHECKOUT_DIR", checkout)
    monkeypatch.delenv("FLASK_SKIP_DOTENV")
    monkeypatch.chdir(tmp_path)
    assert config.environment() == {"TITLE": "mine"}


def test_data_of_an_installed_package_lies_outside_it(in_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(in_wheel / "data"))
    assert config.default_data_dir() == in_wheel / "data" / "commentsite"


def test_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: config.load({"DATA_DIR": str(folder)})["SECRET_KEY"], range(16)))
    assert len(made) == 1
    assert len(str(made.pop())) == 64
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret_key"]


def test_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSettings, match=r"COMMENTSITE_DATA_DIR .* cannot be used"):
        create_app({"DATA_DIR": str(tmp_path / "file" / "data")})


def test_overrides_of_flask_come_last(tmp_path: Path) -> None:
    app = create_app({"DATA_DIR": str(tmp_path), "SQLALCHEMY_DATABASE_URI": "sqlite://", "MAX_CONTENT_LENGTH": 9})
    assert app.config["SQLALCHEMY_DATABASE_URI"] == "sqlite://"
    assert app.config["MAX_CONTENT_LENGTH"] == 9


@pytest.mark.parametrize("hosts", ["https://x.example", "*.x.example", "x.example/", "a b"])
def test_host_that_would_match_nothing_is_named(hosts: str) -> None:
    assert problems(TRUSTED_HOSTS=hosts)[0].startswith("COMMENTSITE_TRUSTED_HOSTS has ")


def test_hosts_with_port_and_below_a_domain_are_taken() -> None:
    assert problems(TRUSTED_HOSTS="x.example:8000, .x.example, [::1]:80, localhost") == []


def test_mysql_url_without_a_database_is_named() -> None:
    assert "names no database" in problems(DATABASE_URL="mysql://u:p@h/", SECRET_KEY=SECRET)[0]


def test_title_may_be_of_any_script() -> None:
    assert problems(TITLE="👩‍👩‍👧 ‏العائلة") == []


def test_relative_data_folder_is_beside_the_env_file(in_wheel: Path) -> None:
    assert config.check({"DATA_DIR": "data"})[0]["DATA_DIR"] == in_wheel / "data"


def test_empty_secret_file_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("\n")
    with pytest.raises(InvalidSettings, match="secret_key holds none"):
        config.load({"DATA_DIR": str(tmp_path)})


def database_url(**given: str) -> URL:
    settings, found = config.check({**given, "SECRET_KEY": SECRET})
    assert found == []
    url: URL = settings["DATABASE_URL"]
    return url


def test_several_hosts_have_the_port_of_mysql_if_none() -> None:
    url = database_url(DATABASE_URL="mysql://u:p,w@db1:3307, db2,[::1]:3308,[fe80::1]/d")
    assert url.query["hosts"] == "db1:3307,db2:3306,[::1]:3308,[fe80::1]:3306"
    assert (url.username, url.password, url.host, url.port, url.database) == ("u", "p,w", "db1", 3307, "d")


def test_several_hosts_of_parts_have_the_port_of_the_parts() -> None:
    parts = {"MYSQL_USER": "u", "MYSQL_PASSWORD": "p@,/", "MYSQL_DATABASE": "d", "MYSQL_PORT": "3310"}
    url = database_url(MYSQL_HOST="[::1], db2:3311", **parts)
    assert (url.query["hosts"], url.host, url.port) == ("[::1]:3310,db2:3311", "::1", 3310)
    assert url.password == "p@,/"


def test_url_of_several_hosts_may_be_written_and_read_again() -> None:
    url = database_url(DATABASE_URL="mysql://u:p@db1,db2/d?x=1")
    assert database_url(DATABASE_URL=url.render_as_string(hide_password=False)) == url


def test_one_host_is_no_cluster() -> None:
    assert "hosts" not in database_url(DATABASE_URL="mysql://u:a,b@db1:3306/d?x=1,2").query


@pytest.mark.parametrize("hosts", ["a,", "a,,b", "a,b c", "a,b:x", "a,b:0", "a,b:70000", "a,::1", "a,[x]", "a,a:3306"])
def test_wrong_host_among_several_is_named(hosts: str) -> None:
    assert problems(DATABASE_URL=f"mysql://u:p@{hosts}/d", SECRET_KEY=SECRET)[0].startswith("COMMENTSITE_DATABASE_URL ")
    parts = {"MYSQL_USER": "u", "MYSQL_DATABASE": "d", "SECRET_KEY": SECRET}
    assert problems(MYSQL_HOST=hosts, **parts)[0].startswith("COMMENTSITE_MYSQL_HOST ")


def test_socket_file_beside_several_hosts_is_refused() -> None:
    found = problems(DATABASE_URL="mysql://u@a,b/d?unix_socket=/s", SECRET_KEY=SECRET)
    assert found == ["COMMENTSITE_DATABASE_URL has unix_socket beside several hosts; give one or the other"]


def test_several_hosts_are_shown_as_one_types_them() -> None:
    url = database_url(DATABASE_URL="mysql://u:geheim@db1,[::1]:3307/d?x=1")
    assert config.shown_database(url) == "mysql+pymysql://u:***@db1:3306,[::1]:3307/d?x=1"
