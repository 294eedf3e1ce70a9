"""A host laid out like PythonAnywhere: a home, a folder for WSGI files, MySQL over TCP, uWSGI."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from tests.databases import MariaDB
from tests.servers.processes import Server, free_port

from . import reading
from .reading import Block

DATABASE = "alice$comments"
PASSWORD = "p@:/%$#w"
TUTORIAL_TABLE = "CREATE TABLE comments (id INTEGER NOT NULL AUTO_INCREMENT, content VARCHAR(4096), PRIMARY KEY (id))"
TUTORIAL_ROWS = "INSERT INTO comments (content) VALUES ('from the tutorial'), (NULL), ('caf\u00e9')"
GIT_USER = {f"GIT_{who}_{what}": f"alice@{who}.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass
class Host:
    """An account in `root`. What the document calls by the names of the real host has its place here."""

    root: Path
    mysql: MariaDB
    printed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.root / "home"
        self.checkout = self.home / "commentsite"
        self.mysql_port = next(option for option in self.mysql.options if option.startswith("--port="))[7:]
        self.www = self.root / "www"
        self.origin = self.root / "commentsite.git"
        for folder in (self.home, self.www, self.origin):
            folder.mkdir()

    def local(self, text: str) -> str:
        """Return `text` with the names of the real host and the address to clone from replaced by those here."""
        for name, here in {
            "/home/alice": self.home,
            "/var/www": self.www,
            "/srv/commentsite": self.checkout,
            "alice.mysql.pythonanywhere-services.com": "127.0.0.1",
            "alice.pythonanywhere.com": "127.0.0.1",
            "https://git.example.org/commentsite.git": self.origin,
            "COMMENTSITE_MYSQL_USER": f"COMMENTSITE_MYSQL_PORT={self.mysql_port}\nCOMMENTSITE_MYSQL_USER",
        }.items():
            text = text.replace(name, str(here))
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What a new console has: no settings of the site. MySQL's port is the usual one on the real host."""
        python = Path(getattr(sys, "_base_executable", sys.executable)).parent
        pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        return {
            **pip,
            **GIT_USER,
            "HOME": str(self.home),
            "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_CACHE_DIR": str(self.root.parent / "pip"),
            "PIP_NO_COMPILE": "1",  # saves a third of the time; what is imported is compiled then
            "MYSQL_TCP_PORT": self.mysql_port,
        }

    def run(self, document: str, heading: str, **environment: str) -> None:
        """Type the commands under `heading` into a new console, and keep what it prints in `printed`."""
        blocks = reading.under(document, heading, "bash")
        self.printed[heading] = "".join(self.type(block.text, **environment) for block in blocks)

    def type(self, commands: str, **environment: str) -> str:
        """Type commands into a new console and return what it printed. Raises RuntimeError where one fails."""
        activate = self.home / "commentsite-venv/bin/activate"
        prompt = f"source {activate}\n" if activate.exists() else ""
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", prompt + self.local(commands)],
            cwd=self.home,
            env={**self.environment, **environment},
            input=f"{PASSWORD}\n",  # mysqldump asks for it
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        if done.returncode:
            raise RuntimeError(f"{commands}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def write(self, block: Block, mode: str = "w") -> Path:
        """Write the file that `block` shows, or with mode "a" add to it."""
        path = Path(self.local(block.file))
        with path.open(mode, encoding="utf-8") as file:
            file.write(self.local(block.text))
        return path

    def edit(self, block: Block) -> None:
        """Change the file of the checkout that the diff `block` is about."""
        path = self.checkout / block.file
        path.write_text(reading.changed(path.read_text(encoding="utf-8"), block.text), encoding="utf-8")

    def serve(self, wsgi_file: Path, tab: dict[str, str]) -> Server:
        """Return the web app as the fields of the Web tab describe it, in uWSGI: that is what the real host runs."""
        code = "import pyuwsgi; pyuwsgi.run()"
        options = f"--master --lazy-apps --need-app --die-on-term --http-socket 127.0.0.1:8000 --wsgi-file {wsgi_file} "
        options += f"--touch-workers-reload {wsgi_file} --static-map {tab['URL'].rstrip('/')}={tab['Directory']}"
        return Server(
            f"{tab['Virtualenv']}/bin/python -c '{code}' {options}",
            self.root,
            {**self.environment, "PYTHONPATH": str(self._uwsgi())},
            cwd=Path(tab["Working directory"]),
        )

    def _uwsgi(self) -> Path:
        """Return a folder with uWSGI alone in it, for a virtualenv that has none: a host brings its own."""
        folder = self.root / "uwsgi"
        spec = importlib.util.find_spec("pyuwsgi")
        if spec is None or spec.origin is None:
            raise RuntimeError("pyuwsgi is not installed")
        if not folder.exists():
            folder.mkdir()
            for part in Path(spec.origin).parent.glob("pyuwsgi*.*"):
                if not part.name.endswith(".dist-info"):
                    (folder / part.name).symlink_to(part)
        return folder

    def fields(self, document: str, heading: str) -> dict[str, str]:
        """Return the fields of a form that the text blocks under `heading` fill in."""
        text = "".join(block.text for block in reading.under(document, heading, "text"))
        return dict(re.findall(r"^([^:\n]+): (.+)$", self.local(text), re.MULTILINE))

    def commit(self, message: str) -> None:
        """Commit all that is in the origin."""
        for command in (["add", "--all"], ["commit", "--quiet", "--message", message]):
            subprocess.run(["git", *command], cwd=self.origin, env=self.environment, check=True)

    def make_origin(self) -> None:
        """Make the repository to clone: the files of this checkout as they are now, committed or not."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=reading.ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (reading.ROOT / name).is_file():
                (self.origin / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(reading.ROOT / name, self.origin / name)
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=self.origin, check=True)
        self.commit("The program")


@contextmanager
def running_mysql(folder: Path) -> Iterator[MariaDB]:
    """Run a server that listens on TCP, with alice's account, the tutorial's database and an empty one."""
    network = ("--skip-networking=0", "--bind-address=127.0.0.1", f"--port={free_port()}", "--skip-name-resolve")
    server = MariaDB(folder, *network)  # as durable as it comes: the doctor is asked whether it is
    server.start()
    try:
        run_as_root(
            server,
            f"CREATE USER 'alice'@'%' IDENTIFIED BY '{PASSWORD}'",
            f"CREATE DATABASE `{DATABASE}`",
            f"GRANT ALL ON `{DATABASE}`.* TO 'alice'@'%'",
            "CREATE DATABASE `alice$empty`",
            "GRANT ALL ON `alice$empty`.* TO 'alice'@'%'",
            f"USE `{DATABASE}`",
            TUTORIAL_TABLE,
            TUTORIAL_ROWS,
        )
        yield server
    finally:
        server.stop()


def run_as_root(server: MariaDB, *statements: str) -> None:
    """Run statements on `server` as its root, and commit."""
    options = {"unix_socket": str(server.socket), "user": "root", "ssl_disabled": True, "charset": "utf8mb4"}
    with pymysql.connect(**options, autocommit=True) as root:
        for statement in statements:
            root.cursor().execute(statement)


def wrong_lines(printed: str) -> list[str]:
    """Return what the doctor found wrong, less that the folder of a test may be in memory."""
    bad = [line for line in printed.splitlines() if line.startswith("BAD")]
    return [line for line in bad if "is in memory (tmpfs)" not in line]
