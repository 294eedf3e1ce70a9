"""Templates that are kept as they were once compiled."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import DictLoader, Environment, nodes
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.tests import TESTS as DEFAULT_TESTS

from commentsite import compiled


def environment(source: str, *, trim_blocks: bool = True) -> Environment:
    """Return what a process has that has just started, with a template of `source`."""
    kept = compiled.CompiledTemplates({"trim_blocks": trim_blocks})
    loader = DictLoader({"page": source})
    return Environment(loader=loader, bytecode_cache=kept, trim_blocks=trim_blocks)  # noqa: S701 - nobody sees it


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Python keeps what it compiles of this package."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = compiled.CompiledTemplates({}).folder
    assert tmp_path in folder.parents
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that are compiled."""
    found: list[str] = []
    compiles = Environment.compile

    def compile_and_note(self: Environment, source: str, *arguments: object, **named: object) -> object:
        found.append(source)
        return compiles(self, source, *arguments, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", compile_and_note)
    return found


@pytest.mark.usefixtures("folder")
def test_template_is_compiled_once_for_all_starts(compilations: list[str]) -> None:
    for _ in range(2):
        assert environment("{{ 1 + 1 }}").get_template("page").render() == "2"
    assert compilations == ["{{ 1 + 1 }}"]


@pytest.mark.usefixtures("folder")
def test_template_that_changed_is_compiled_again() -> None:
    assert environment("before").get_template("page").render() == "before"
    assert environment("after").get_template("page").render() == "after"


@pytest.mark.usefixtures("folder")
def test_other_options_find_nothing_of_these(compilations: list[str]) -> None:
    assert environment("{% if 1 %}\nx{% endif %}").get_template("page").render() == "x"
    assert environment("{% if 1 %}\nx{% endif %}", trim_blocks=False).get_template("page").render() == "\nx"
    assert len(compilations) == 2


def test_no_filter_of_ours_is_given_a_constant(app: Flask) -> None:
    made = app.jinja_env
    names = made.list_templates()
    assert "comments/thread.html" in names
    for name in names:
        assert made.loader is not None
        source, _, _ = made.loader.get_source(made, name)
        for node in made.parse(source).find_all((nodes.Filter, nodes.Test)):
            if node.name not in {**DEFAULT_FILTERS, **DEFAULT_TESTS}:
                with pytest.raises(nodes.Impossible):
                    node.as_const(nodes.EvalContext(made))


@pytest.mark.parametrize("left", [0, 3, 20, 40, 60, 200])
def test_file_that_was_cut_off_is_made_anew(folder: Path, left: int) -> None:
    source = "{{ 1 + 1 }} and more"
    assert environment(source).get_template("page").render() == "2 and more"
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:left])
    assert environment(source).get_template("page").render() == "2 and more"
    assert kept.read_bytes() == whole


def test_page_is_made_where_nothing_can_be_written(folder: Path) -> None:
    folder.rmdir()
    assert environment("here").get_template("page").render() == "here"
    assert not folder.exists()


def test_nothing_is_written_where_python_is_told_not_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert environment("here").get_template("page").render() == "here"
    assert not list(folder.iterdir())


def test_every_user_can_read_what_is_kept(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        environment("here").get_template("page")
    finally:
        os.umask(before)
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o644


def test_page_is_made_where_there_is_no_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    assert environment("here").get_template("page").render() == "here"
    assert not list(folder.iterdir())
