"""Isso, another comment server, from its package in an environment of its own and on the same server program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from commentsite.keyset import PAGE_SIZE

from .data import fill_isso
from .load import Target, get
from .runs import say, target
from .servers import Servers, gunicorn

INSTALL_SECONDS = 300
URI = "/benchmark"
PATH = f"/?uri=%2Fbenchmark&limit={PAGE_SIZE}"
CONFIGURATION = """\
[general]
dbpath = {folder}/comments.db
host = http://127.0.0.1/
"""


def start_isso(folder: Path, servers: Servers, size: int) -> Target | None:
    """Return the target of a page of Isso among `size` comments; None, having said why, where it cannot be had."""
    home = folder / "isso"
    reason = _install(home)
    if reason:
        say(f"without Isso: {reason}")
        return None
    configuration = home / "isso.cfg"
    configuration.write_text(CONFIGURATION.format(folder=home), encoding="ascii")
    server = servers.start(gunicorn(str(home / "bin" / "gunicorn"), "isso.run"), ISSO_SETTINGS=str(configuration))
    get(server.wait().port, PATH)  # its tables are made by now
    fill_isso(home / "comments.db", size, URI)
    found = target(server, PATH)
    shown = json.loads(found.expected.body) if found.expected else {}
    if len(shown["replies"]) != PAGE_SIZE:
        raise AssertionError(f"Isso shows {len(shown['replies'])} comments")
    return found


def _install(home: Path) -> str | None:
    """Make the environment unless it is there; return why that failed."""
    if (home / "bin" / "gunicorn").exists():
        return None
    say("installing Isso")
    commands = [
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "pip"), "install", "-q", "isso", "gunicorn"],
    ]
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        return str((error.stderr.strip().splitlines() or [error])[-1])
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None
