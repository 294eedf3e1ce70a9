"""The settings: each one once, with its default and meaning, read from the environment or `.env` and checked together.

Every setting is an environment variable with the prefix COMMENTSITE_. Values are converted by the
type declared here and by nothing else, so a secret of digits stays text.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from dotenv import dotenv_values
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "COMMENTSITE_"
PACKAGE_DIR = Path(__file__).resolve().parent
# The folder of the checkout, or None where the package is installed from a wheel.
CHECKOUT_DIR = PACKAGE_DIR.parent if (PACKAGE_DIR.parent / "pyproject.toml").is_file() else None
MIGRATIONS_DIR = CHECKOUT_DIR / "migrations" if CHECKOUT_DIR else PACKAGE_DIR / "migrations"

MAX_REQUEST_BYTES = 64 * 1024  # 4,096 characters of four bytes, each sent as %XX, are 48 KiB
MIN_SECRET_CHARS = 16
NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
MYSQL_PORT = 3306
# A URL of several hosts: what comes before them, the hosts, the first of them, and what follows.
SEVERAL_HOSTS = re.compile(
    r"(?P<before>[\w+]+://(?:[^:/@]*(?::[^@]*)?@)?)(?P<hosts>(?P<first>[^/?@,]+),[^/?@]*)(?P<after>(?:[/?].*)?)"
)
MYSQL_SETTINGS = ("MYSQL_HOST", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PASSWORD", "MYSQL_DATABASE")


class InvalidSettings(click.ClickException):
    """Settings that cannot work; `problems` names each. A command prints it without a traceback."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("these settings are wrong:\n" + "\n".join(f"  {problem}" for problem in problems))


def _text(value: str) -> str:
    return value


def _line(value: str) -> str:
    if not value.strip() or NOT_IN_A_LINE.search(value):
        raise ValueError("wants one line of text")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"knows no time zone {value!r}; names are like Europe/Berlin") from None
    return value


def _timestamp_format(value: str) -> str:
    unknown = re.findall(r"%(?:[-_0^#]?[^aAwdbBmyYHIMpSfzZjUWcxXGuVDeFRTCghklnPrt%-]|-?$)", value)
    if unknown:
        raise ValueError(f"has {unknown[0]!r}, which is no strftime directive")
    written = datetime(2017, 7, 7, 18, 47, tzinfo=timezone.utc).strftime(value)
    if not written.strip() or NOT_IN_A_LINE.search(written):
        raise ValueError("must write one line; the default is 'Posted %A, %d %B %Y at %H:%M'")
    return value


def _folder(value: str) -> Path:
    # One place, from whatever folder one starts: beside the `.env` that names it.
    return (env_dir() / Path(value).expanduser()).resolve()


def _database_hosts(value: str, port: int) -> list[str]:
    """Return the hosts of a cluster, each with its port, `port` where none is given."""
    hosts = []
    for part in value.split(","):
        found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s/:@?#\[\]]+)(?::([0-9]{1,5}))?", part.strip())
        if not found or not 0 < int(found[2] or port) <= 65535:
            raise ValueError(f"has {part.strip()!r} among its hosts; they are like db1.example:3306,db2.example,[::1]")
        hosts.append(f"{found[1]}:{int(found[2] or port)}")
    twice = [host for place, host in enumerate(hosts) if host in hosts[:place]]
    if twice:
        raise ValueError(f"names the host {twice[0]} twice")
    return hosts


def split_host(host: str) -> tuple[str, int]:
    """Return name and port of `name:port`, the name of an IPv6 address without its brackets."""
    name, _, port = host.rpartition(":")
    return name.strip("[]"), int(port)


def shown_database(url: URL) -> str:
    """Return `url` as one would type it, without its password."""
    hosts = url.query.get("hosts")
    if not hosts:
        return url.render_as_string(hide_password=True)
    query = {name: value for name, value in url.query.items() if name != "hosts"}
    # A URL of SQLAlchemy's has one host, which would be written in brackets with these colons in it.
    one = URL.create(url.drivername, url.username, url.password, "several.hosts", None, url.database, query)
    return one.render_as_string(hide_password=True).replace("several.hosts", str(hosts), 1)


def _at_hosts(url: URL, hosts: list[str]) -> URL:
    """Return `url` with several hosts: the first in its own place, all in its query, where hosts.py finds them."""
    if "unix_socket" in url.query:
        raise ValueError("has unix_socket beside several hosts; give one or the other")
    return url.update_query_dict({"hosts": ",".join(hosts)})


def _database_url(value: str) -> URL:
    several = SEVERAL_HOSTS.fullmatch(value)
    try:
        # SQLAlchemy knows one host; the first stands for all until they are read.
        url = make_url(several["before"] + several["first"] + several["after"] if several else value)
        _ = url.port
    except (ArgumentError, ValueError):
        raise ValueError("wants sqlite:////path/file.db or mysql://user:password@host/name") from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        return url
    if backend not in ("mysql", "mariadb"):
        raise ValueError(f"names {backend!r}; sqlite, mysql and mariadb are known")
    if not url.database:
        raise ValueError("names no database; write mysql://user:password@host/name")
    listed = several["hosts"] if several else url.query.get("hosts")
    if listed is not None:
        url = _at_hosts(url, _database_hosts(str(listed), MYSQL_PORT))
    # Without a driver, mysql:// means one that needs a compiler, and mariadb:// makes a second dialect of the same.
    return url.set(drivername="mysql+pymysql")


def _port(value: str) -> int:
    return _whole_number(value, 1, 65535)


def _hops(value: str) -> int:
    return _whole_number(value, 0, 10)


def _whole_number(value: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise ValueError(f"wants a whole number from {least} to {most}, not {value!r}")
    return int(value)


def _depth(value: str) -> int:
    return _whole_number(value, 0, 7)


def _cache_mb(value: str) -> int:
    return _whole_number(value, 0, 4096)


def _minutes(value: str) -> int:
    return _whole_number(value, 0, 7 * 24 * 60)


def _yes(value: str) -> bool:
    if value.lower() not in ("yes", "no"):
        raise ValueError(f"wants yes or no, not {value!r}")
    return value.lower() == "yes"


def _order(value: str) -> str:
    if value not in ("newest", "oldest"):
        raise ValueError(f"wants newest or oldest, not {value!r}")
    return value


def _secret(value: str) -> str:
    if len(value) < MIN_SECRET_CHARS:
        raise ValueError(
            f"is shorter than {MIN_SECRET_CHARS} characters; "
            'make one with: python3 -c "import secrets; print(secrets.token_hex(32))"'
        )
    return value


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _hosts(value: str) -> list[str]:
    hosts = _parts(value)
    for host in hosts:
        if not re.fullmatch(r"\.?[^\s/:*@]+(:[0-9]+)?|\[[0-9a-fA-F:.]+\](:[0-9]+)?", host):
            raise ValueError(f"has {host!r}; a host is like www.example.com, or .example.com with all below it")
    return hosts


def _origins(value: str) -> list[str]:
    origins = _parts(value)
    for origin in origins:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError(f"has {origin!r}; an origin is like https://www.example.com, with no path")
    return origins


@dataclass(frozen=True)
class Setting:
    """One setting: its name without the prefix, its default as one would type it, what converts and what it means."""

    name: str
    default: str | None
    convert: Callable[[str], Any]
    meaning: str


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("TITLE", "Comments", _line, "The site's name, on every page."),
        Setting("DESCRIPTION", "What visitors say.", _line, "One sentence for search engines and link previews."),
        Setting("TIMEZONE", "UTC", _zone, "The zone times are shown in, by its IANA name, such as Europe/Berlin."),
        Setting(
            "TIMESTAMP_FORMAT",
            "Posted %A, %d %B %Y at %H:%M",
            _timestamp_format,
            "How the time of a comment is written: a strftime pattern.",
        ),
        Setting("ORDER", "newest", _order, "Which comments come first, newest or oldest, where a reader chose none."),
        Setting("REPLY_DEPTH", "4", _depth, "How many levels of replies are indented; deeper ones follow flat."),
        Setting("REQUIRE_NAME", "no", _yes, "Whether a comment needs a name: yes or no."),
        Setting("REQUIRE_EMAIL", "no", _yes, "Whether a comment needs an e-mail address: yes or no."),
        Setting("EDIT_WINDOW_MINUTES", "15", _minutes, "How long writers may edit and delete; 0 for not at all."),
        Setting("MARKDOWN_IMAGES", "no", _yes, "Whether comments may show images of other sites: yes or no."),
        Setting("PAGE_CACHE_MB", "16", _cache_mb, "Memory each process may keep pages in, in MiB; 0 for none."),
        Setting("DATA_DIR", None, _folder, "The folder of the SQLite file and the secret key."),
        Setting("DATABASE_URL", None, _database_url, "The database as a URL; SQLite in the data folder if not given."),
        Setting(
            "MYSQL_HOST", None, _line, "The MySQL or MariaDB server, instead of a URL; give user and database too."
        ),
        Setting("MYSQL_PORT", str(MYSQL_PORT), _port, "Its port."),
        Setting("MYSQL_USER", None, _line, "Its user."),
        Setting("MYSQL_PASSWORD", "", _text, "The user's password, written as it is."),
        Setting("MYSQL_DATABASE", None, _line, "The database's name."),
        Setting("SECRET_KEY", None, _secret, "Signs what the site hands out; made in the data folder if not given."),
        Setting("PROXY_HOPS", "0", _hops, "How many proxies in front add to X-Forwarded-For."),
        Setting("TRUSTED_HOSTS", "", _hosts, "Host names the site answers to, with commas; any if empty."),
        Setting("ALLOWED_ORIGINS", "", _origins, "Other origins that may post here, with commas."),
    )
}


def env_dir() -> Path:
    """Return the folder whose `.env` counts: the checkout's, or the current one of an installed package."""
    return CHECKOUT_DIR or Path.cwd()


def default_data_dir() -> Path:
    """Return `instance` in a checkout; for an installed package the folder the XDG base directory standard names."""
    if CHECKOUT_DIR:
        return CHECKOUT_DIR / "instance"
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "commentsite"


def environment() -> dict[str, str]:
    """Return the COMMENTSITE_ variables of `.env` and, before them, of the environment, without the prefix.

    The `.env` read is the checkout's, from whatever folder one starts; an installed package reads
    the current folder's. FLASK_SKIP_DOTENV=1 leaves it unread, as for Flask itself.
    """
    values: dict[str, str | None] = {}
    if not os.environ.get("FLASK_SKIP_DOTENV"):
        values.update(dotenv_values(env_dir() / ".env", interpolate=False, encoding="utf-8"))
    values.update(os.environ)
    return {name[len(PREFIX) :]: value or "" for name, value in values.items() if name.startswith(PREFIX)}


def load(overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the configuration of an app: our settings, and Flask's that follow from them.

    `overrides` come last: names of SETTINGS, or any of Flask's own. Raises InvalidSettings with every
    problem at once. Makes the data folder, and the secret key in it, where they are needed.
    """
    overrides = dict(overrides or {})
    given = environment() | {name: overrides.pop(name) for name in list(overrides) if name in SETTINGS}
    settings, problems = check(given, is_testing=bool(overrides.get("TESTING")))
    if problems:
        raise InvalidSettings(problems)
    config: dict[str, Any] = {
        **settings,
        "TRUSTED_HOSTS": settings["TRUSTED_HOSTS"] or None,
        "SQLALCHEMY_DATABASE_URI": settings["DATABASE_URL"],
        "MAX_CONTENT_LENGTH": MAX_REQUEST_BYTES,
        "MAX_FORM_MEMORY_SIZE": MAX_REQUEST_BYTES,
        "MAX_FORM_PARTS": 20,
        **overrides,
    }
    if make_url(config["SQLALCHEMY_DATABASE_URI"]).get_backend_name() == "sqlite" or not config["SECRET_KEY"]:
        config["SECRET_KEY"] = _prepare_data_dir(config["DATA_DIR"], config["SECRET_KEY"])
    return config


def check(given: Mapping[str, Any], *, is_testing: bool = False) -> tuple[dict[str, Any], list[str]]:
    """Return the converted settings and a list of problems, each beginning with the setting's name."""
    problems = [f"{PREFIX}{name} is no setting of this version" for name in given if name not in SETTINGS]
    settings: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        value = given.get(name)
        if value is None or value == "":
            value = setting.default
        try:
            settings[name] = setting.convert(str(value)) if value is not None else None
        except ValueError as problem:
            problems.append(f"{PREFIX}{name} {problem}")
            settings[name] = None
    if settings["DATA_DIR"] is None:
        settings["DATA_DIR"] = default_data_dir()
    problems += _choose_database(given, settings)
    url = settings["DATABASE_URL"]
    if url is not None and url.get_backend_name() == "mysql" and not given.get("SECRET_KEY") and not is_testing:
        problems.append(
            f"{PREFIX}SECRET_KEY is needed with MySQL, the same on every machine; "
            'make one with: python3 -c "import secrets; print(secrets.token_hex(32))"'
        )
    return settings, problems


def _choose_database(given: Mapping[str, Any], settings: dict[str, Any]) -> list[str]:
    """Set DATABASE_URL from the parts or the data folder where it is not given; return what stands against it."""
    parts = [name for name in MYSQL_SETTINGS if given.get(name)]
    if given.get("DATABASE_URL"):
        return [f"{PREFIX}{name} stands beside {PREFIX}DATABASE_URL; give one or the other" for name in parts]
    if not parts:
        settings["DATABASE_URL"] = URL.create("sqlite", database=str(settings["DATA_DIR"] / "comments.db"))
        return []
    wanted = ("MYSQL_HOST", "MYSQL_USER", "MYSQL_DATABASE")
    problems = [f"{PREFIX}{name} is missing beside {PREFIX}{parts[0]}" for name in wanted if not given.get(name)]
    host, port = settings["MYSQL_HOST"], settings["MYSQL_PORT"]
    hosts = []
    if host and "," in host:
        try:
            hosts = _database_hosts(host, port or MYSQL_PORT)
        except ValueError as problem:
            return [*problems, f"{PREFIX}MYSQL_HOST {problem}"]
        host, port = split_host(hosts[0])
    url = URL.create(
        "mysql+pymysql",
        username=settings["MYSQL_USER"],
        password=settings["MYSQL_PASSWORD"],
        host=host,
        port=port,
        database=settings["MYSQL_DATABASE"],
    )
    settings["DATABASE_URL"] = _at_hosts(url, hosts) if hosts else url
    return problems


def _prepare_data_dir(folder: Path, secret_key: str | None) -> str:
    """Make the data folder, and a secret key in it unless one is given; return the key."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return secret_key or _kept_secret(folder / "secret_key")
    except OSError as problem:
        raise InvalidSettings([f"{PREFIX}DATA_DIR {folder} cannot be used: {problem.strerror}"]) from None


def _kept_secret(path: Path) -> str:
    """Return the key in `path`, readable by its owner alone; the first of several processes to come makes it."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        draft.touch(0o600, exist_ok=False)
        with draft.open("w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was faster; its key is the one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < MIN_SECRET_CHARS:
        raise InvalidSettings([f"{PREFIX}SECRET_KEY is not given, and {path} holds none: remove it to have one made"])
    return key
