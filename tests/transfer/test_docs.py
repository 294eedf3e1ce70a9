"""docs/format.md and docs/format.schema.json say what the program writes and reads."""

from __future__ import annotations

import json
import random
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from commentsite.transfer.format import KINDS, Version, line_of
from tests.transfer.files import HELLO, ROOT, comment, import_records, problems, reply, run

DOCS = Path(__file__).parent.parent.parent / "docs"
TEXT = (DOCS / "format.md").read_text()
SCHEMA = json.loads((DOCS / "format.schema.json").read_text())
EXAMPLE = TEXT.partition("```jsonl\n")[2].partition("```")[0]
TYPES = {"string": str, "integer": int, "boolean": bool, "null": type(None), "object": dict}
KNOWN = {"$ref", "const", "type", "anyOf", "oneOf", "pattern", "format", "maxLength", "minimum", "maximum"}
KNOWN |= {"properties", "required", "additionalProperties", "$schema", "$defs", "title"}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Say whether a value is valid: the words of JSON Schema that ours is written in."""
    assert schema.keys() <= KNOWN
    types = schema.get("type", list(TYPES))
    if type(value) not in [TYPES[name] for name in ([types] if isinstance(types, str) else types)]:
        return False
    if isinstance(value, str) and not _text_fits(value, schema):
        return False
    if type(value) is int and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return False
    if isinstance(value, dict) and not _object_fits(value, schema):
        return False
    if "anyOf" in schema and not any(fits(value, each) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(fits(value, each) for each in schema["oneOf"]) != 1:
        return False
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]):
        return False
    return bool(schema.get("const", value) == value)


def _text_fits(value: str, schema: dict[str, Any]) -> bool:
    return bool(re.search(schema.get("pattern", ""), value)) and len(value) <= schema.get("maxLength", len(value))


def _object_fits(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    named = schema.get("properties", {})
    if not set(schema.get("required", [])) <= value.keys():
        return False
    if schema.get("additionalProperties") is False and not value.keys() <= named.keys():
        return False
    return all(fits(each, named[name]) for name, each in value.items() if name in named)


def test_example_is_right() -> None:
    assert EXAMPLE
    assert problems(EXAMPLE.encode()) == []


def test_example_fits_the_schema() -> None:
    assert [line for line in EXAMPLE.splitlines() if not fits(json.loads(line), SCHEMA)] == []


def test_example_can_be_imported(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(EXAMPLE)
    assert "2 comments were imported" in run(app.test_cli_runner(), "import", str(tmp_path / "x.jsonl"))


def test_export_fits_the_schema(app: Flask, tmp_path: Path) -> None:
    edited = comment(3, name="Ann", email="a@example.org", website="https://a.example", revision=2, edited=HELLO.posted)
    gone = reply(4, 3, deleted=HELLO.posted)
    before = Version(3, 1, None, HELLO.posted)
    line = line_of(gone).replace(b'"comment 4"', b"null")
    import_records(app, tmp_path / "x.jsonl", ROOT, HELLO, edited, line, before)
    run(app.test_cli_runner(), "export", str(tmp_path / "y.jsonl"))
    lines = (tmp_path / "y.jsonl").read_text().splitlines()
    assert len(lines) == 7
    assert [line for line in lines if not fits(json.loads(line), SCHEMA)] == []


@pytest.mark.parametrize("seed", range(100))
def test_what_the_program_refuses_does_not_fit_the_schema(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    record = json.loads(line_of(HELLO))
    field = chance.choice(list(record))
    record[field] = chance.choice([7.5, [], {}, False, "x" * 5000, -1, 2**63])
    assert not fits(record, SCHEMA)
    header = EXAMPLE.partition("\n")[0]
    assert len(problems(f"{header}\n{json.dumps(record)}\n".encode())) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_text_name_every_field(kind: str) -> None:
    names = [field.name for field in fields(KINDS[kind][1])]
    assert list(SCHEMA["$defs"][kind]["properties"]) == ["kind", *names]
    part = TEXT.partition(f"**`{kind}`**")[2].partition("\n**")[0].partition("\n## ")[0]
    assert [name for name in names if f"`{name}`" not in part] == []


def test_schema_requires_what_the_program_requires() -> None:
    for kind, (schema, _) in KINDS.items():
        required = {name for name, field in schema.fields.items() if field.required}
        assert set(SCHEMA["$defs"][kind]["required"]) == {"kind", *required}


def test_text_names_every_option(app: Flask) -> None:
    for command in ("export", "import"):
        for option in re.findall(r"--[a-z-]+", run(app.test_cli_runner(), command, "--help")):
            assert option == "--help" or f"`{option}`" in TEXT or f"{command} {option}" in TEXT
