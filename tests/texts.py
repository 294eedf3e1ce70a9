"""Texts that others published to try programs with, for tests of whatever takes a text (see data/README.md)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TypedDict

DATA = Path(__file__).parent / "data"


class Example(TypedDict):
    """An example of the CommonMark specification: what is typed and what becomes of it."""

    number: int
    section: str
    markdown: str
    html: str


def specified() -> list[Example]:
    """Return the examples of the CommonMark specification, with their HTML."""
    examples: list[Example] = json.loads((DATA / "commonmark.json").read_bytes())
    return examples


def spec_examples() -> list[str]:
    """Return what is typed in the examples of the CommonMark specification."""
    return [example["markdown"] for example in specified()]


def naughty_strings() -> list[str]:
    """Return the Big List of Naughty Strings."""
    texts: list[str] = json.loads((DATA / "naughty.json").read_bytes())
    return texts


def hostile_strings() -> list[str]:
    """Return the strings of the XSS knowledge base BRS-KB, each made to run a script in somebody's page."""
    texts: list[str] = json.loads(gzip.decompress((DATA / "hostile.json.gz").read_bytes()))
    return texts
