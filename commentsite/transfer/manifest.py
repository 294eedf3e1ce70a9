"""What a backup says about itself: which rows there are, of which schema, made by what and when (docs/backups.md)."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from .rowhash import TableHash, total

FORMAT, VERSION = "commentsite-backup", 1
MAX_BYTES = 1024 * 1024
MAX_TABLES = 200
LARGEST = 2**63 - 1
KINDS = ("sqlite", "mysql")

_SHA256 = re.compile("[0-9a-f]{64}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_WORD = re.compile(r"[\w.+-]{1,100}", re.ASCII)


class BrokenBackup(ValueError):
    """What is wrong with a backup, in words that are safe to show."""


@dataclass(frozen=True)
class Content:
    """A table of a backup: its rows, their hash, and the highest id it ever gave (None where it gives none)."""

    rows: int
    sha256: str
    highest_id: int | None


@dataclass(frozen=True)
class Manifest:
    """`program` made the backup at `made` of a database of a kind and revision; `sha256` is over all rows.

    `file_bytes` and `file_sha256` are of the SQLite database in the backup. `signature` is made with the secret key
    of the site: whoever has another, or none, cannot have made it.
    """

    program: str
    made: str
    database: str
    revision: str
    tables: Mapping[str, Content]
    sha256: str
    file_bytes: int
    file_sha256: str
    signature: str = ""

    def text(self) -> bytes:
        """Return the manifest as JSON for programs and people."""
        said = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"

    def signed(self, secret: str) -> Manifest:
        """Return this manifest with its signature."""
        said = replace(self, signature="").text()
        return replace(self, signature=hmac.new(_key(secret), said, hashlib.sha256).hexdigest())

    def is_signed_with(self, secret: str) -> bool:
        """Say whether the signature is that of the site with this secret key."""
        return hmac.compare_digest(self.signed(secret).signature, self.signature)

    @property
    def hashes(self) -> dict[str, TableHash]:
        return {name: TableHash(each.rows, each.sha256) for name, each in self.tables.items()}


def _key(secret: str) -> bytes:
    return hashlib.sha256(b"commentsite backup " + secret.encode()).digest()


def manifest_of(text: bytes) -> Manifest:
    """Return the manifest that a backup holds. Raises BrokenBackup."""
    try:
        given = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise BrokenBackup("its manifest cannot be read") from None
    if not isinstance(given, dict) or given.pop("format", None) != FORMAT:
        raise BrokenBackup("it is no backup of commentsite")
    version = given.pop("version", None)
    if type(version) is not int or version < 1:
        raise BrokenBackup("its manifest names no version of the format")
    if version > VERSION:
        raise BrokenBackup(
            f"it has the format {version}, and this program reads formats up to {VERSION}: bring the program up to date"
        )
    if given.keys() != _FIELDS.keys() or not all(fits(given[name]) for name, fits in _FIELDS.items()):
        wrong = sorted(name for name, fits in _FIELDS.items() if name not in given or not fits(given[name]))
        raise BrokenBackup(f"its manifest is not right: {', '.join(wrong) or 'it says more than there is to say'}")
    tables = {name: Content(**each) for name, each in given.pop("tables").items()}
    made = Manifest(tables=tables, **given)
    if total(made.hashes) != made.sha256:
        raise BrokenBackup("its manifest was changed: the hash over all rows is not that of the tables")
    return made


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _are_tables(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= MAX_TABLES and all(map(_is_table, value.values()))


def _is_table(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"rows", "sha256", "highest_id"}
        and _is_whole(value["rows"])
        and _matches(_SHA256)(value["sha256"])
        and (value["highest_id"] is None or _is_whole(value["highest_id"]))
    )


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "program": _matches(_WORD),
    "made": _matches(_MOMENT),
    "database": lambda value: value in KINDS,
    "revision": _matches(_WORD),
    "tables": _are_tables,
    "sha256": _matches(_SHA256),
    "file_bytes": _is_whole,
    "file_sha256": _matches(_SHA256),
    "signature": _matches(_SHA256),
}
