"""Which release came before this checkout, and how its suite is run on a newer schema."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = re.compile(r'^version = "(\d+)\.(\d+)\.(\d+)', re.MULTILINE)
TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
PLUGIN = Path(__file__).parent / "newer_schema.py"
OF_THIS_RUN = ("COMMENTSITE_", "FLASK_", "PYTEST_", "COV_", "PYTHONPATH")


def git(checkout: Path, *arguments: str) -> bytes:
    """Return what git says in `checkout`; nothing where that is no repository, or there is no git."""
    if not shutil.which("git"):
        return b""
    command = ["git", "-c", "user.name=tests", "-c", "user.email=tests@example.test", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, check=False).stdout


def previous_release(checkout: Path) -> str | None:
    """Return the newest tag vX.Y.Z that is no newer than the version of `checkout`, and not what is checked out."""
    stated = VERSION.search((checkout / "pyproject.toml").read_text())
    assert stated
    here = git(checkout, "tag", "--points-at", "HEAD").decode().split()
    found = [
        match for tag in git(checkout, "tag").decode().split() if (match := TAG.fullmatch(tag)) and tag not in here
    ]
    older = [match for match in found if _number(match) <= _number(stated)]
    return max(older, key=_number)[0] if older else None


def _number(match: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part) for part in match.groups())


def check_out(checkout: Path, tag: str, folder: Path) -> Path:
    """Put the files of a release into `folder`."""
    with zipfile.ZipFile(io.BytesIO(git(checkout, "archive", "--format=zip", tag))) as archive:
        archive.extractall(folder)
    return folder


def run_suite(release: Path, newer: Path, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the suite of `release` on databases with the schema of `newer`; return its exit status and what it says."""
    folder.mkdir()
    shutil.copy(PLUGIN, folder)
    own = {name: value for name, value in os.environ.items() if not name.startswith(OF_THIS_RUN)}
    environment = {**own, "PYTHONPATH": f"{release}{os.pathsep}{folder}", "NEWER_CHECKOUT": str(newer)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN.stem]
    command += ["-m", "not browser and not servers and not faults", *arguments]
    done = subprocess.run(
        command, cwd=release, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout
