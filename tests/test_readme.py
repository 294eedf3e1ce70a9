"""What the documents list is what the program has."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest
from click import Context

from commentsite.cli import cli
from commentsite.config import PREFIX, SETTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def test_readme_lists_every_setting_with_its_default() -> None:
    rows = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| (.*?) \|", README, re.MULTILINE))
    assert rows.keys() == SETTINGS.keys()
    for name, setting in SETTINGS.items():
        if setting.default:
            assert rows[name] == f"`{setting.default}`"


def test_env_example_lists_every_setting() -> None:
    assert set(re.findall(rf"^#{PREFIX}(\w+)=", EXAMPLE, re.MULTILINE)) == SETTINGS.keys()


def test_readme_lists_every_command() -> None:
    listed = set(re.findall(r"^\| `commentsite (\w+)", README, re.MULTILINE))
    assert listed == set(cli.list_commands(Context(cli)))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_requirements_name_no_index() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pinned = {re.split(r"[=\[]", line)[0] for line in lines if line[:1].isalpha()}
    needed = {
        re.split(r"[>=\[ ;]", need)[0].lower() for need in requires("commentsite") or [] if "extra ==" not in need
    }
    assert needed <= pinned


def test_what_pip_of_old_pythons_needs_is_an_extra() -> None:
    assert [need for need in requires("commentsite") or [] if re.match(r"pytest\W.*extra == .test.", need)]


def test_repository_has_nothing_large_or_local() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for name in listed:
        assert (ROOT / name).stat().st_size < 400_000, name
    assert not [name for name in listed if name.startswith(("instance/", ".venv/")) or name.endswith((".db", ".env"))]
