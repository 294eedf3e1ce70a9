"""Imports run one way, and each file of a room keeps to what it is for (CONTRIBUTING.md, "The rooms")."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "commentsite"
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FACTORY = {"__init__", "__main__", "cli"}
MODULES = sorted(PACKAGE.rglob("*.py"))

# What a file of a room never names: (imported modules, called attributes or functions).
NEVER = {
    "models": ({"flask"}, {"select"}),
    "forms": ({"flask"}, {"commit", "add", "select"}),
    "policy": ({"flask"}, {"utc_now", "select"}),
    "queries": ({"flask"}, {"commit", "add", "delete"}),
    "operations": ({"flask"}, {"render_template"}),
    "views": ({"sqlalchemy"}, {"select", "commit"}),
    "commands": ({"sqlalchemy"}, {"select", "commit"}),
}


def imports(path: Path) -> set[str]:
    """Return the absolute names of the modules that the file imports."""
    package = ("commentsite", *path.relative_to(PACKAGE).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def names(path: Path) -> set[str]:
    """Return every name and attribute that the file uses."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return used | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def rooms_imported(path: Path) -> set[str]:
    parts = {name.split(".")[1] for name in imports(path) if name.startswith("commentsite.")}
    return parts & set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0]
    if own in ROOMS:
        assert rooms_imported(path) <= {own, "comments"}
    elif path.stem not in FACTORY:
        assert not rooms_imported(path)


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem in NEVER], ids=lambda path: path.stem)
def test_file_keeps_to_what_it_is_for(path: Path) -> None:
    modules, used = NEVER[path.stem]
    assert not {name.split(".")[0] for name in imports(path)} & modules
    assert not names(path) & used


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_is_of_one_size(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def test_only_the_clock_asks_the_time() -> None:
    def asks(path: Path) -> bool:
        nodes = ast.walk(ast.parse(path.read_text()))
        if "time" in imports(path):
            return True
        return bool({node.attr for node in nodes if isinstance(node, ast.Attribute)} & {"monotonic", "now", "today"})

    assert [path.name for path in MODULES if asks(path)] == ["clock.py"]
