"""One line of the format, to and from plain values: JSON, checked as if a stranger had written it (docs/format.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NoReturn

from marshmallow import Schema, ValidationError, fields, validate

from ..comments.forms import Email, Line, Website
from ..comments.markup import MARK
from ..comments.models import MAX_CONTENT_CHARS, MAX_EMAIL_CHARS, MAX_NAME_CHARS, MAX_WEBSITE_CHARS
from ..comments.policy import MAX_ID, thread_key

FORMAT, VERSION = "commentsite", 1
MAX_LINE_BYTES = 1024 * 1024
MAX_REVISION = 1_000_000_000  # the column ends at twice this, and an edit adds one
# Both databases keep these years, and every zone can show them.
FIRST_YEAR, LAST_YEAR = 1000, 9000

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


class BrokenLine(ValueError):
    """What is wrong with a line, in words that are safe to show."""


class OtherFormat(BrokenLine):
    """The file is none that this program can read."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: what wrote the file and when, whether addresses are in it, and how many lines of each kind."""

    format: str
    version: int
    program: str
    exported: datetime
    emails: bool
    threads: int
    comments: int
    versions: int


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread, and when it was closed."""

    key: str
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment; `thread` is the key of its thread, `parent` the id in the file of what it replies to."""

    id: int
    thread: str
    parent: int | None
    posted: datetime
    name: str | None
    email: str | None
    website: str | None
    mark: str | None
    content: str | None
    revision: int
    edited: datetime | None
    deleted: datetime | None


@dataclass(frozen=True, slots=True)
class Version:
    """The text that a comment had before an edit, and since when."""

    comment: int
    revision: int
    content: str | None
    written: datetime


@dataclass(frozen=True, slots=True)
class Footer:
    """The last line: how many lines of each kind there are, and the SHA-256 of all bytes before it."""

    threads: int
    comments: int
    versions: int
    sha256: str


Record = Header | Thread | Comment | Version | Footer


class _Whole(fields.Field[int]):
    """A whole number; `true` is none, and neither is 1.0."""

    def __init__(self, lowest: int, highest: int, **options: Any) -> None:
        super().__init__(**options)
        self.lowest, self.highest = lowest, highest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if type(value) is not int or not self.lowest <= value <= self.highest:
            raise ValidationError(f"is no whole number from {self.lowest} to {self.highest}")
        return value


class _Moment(fields.Field[datetime]):
    """A time with its zone."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValidationError("is no time with a zone, such as 2017-07-07T18:47:00.000000Z")
        day, fraction, zone = match.groups()
        try:
            moment = datetime.fromisoformat(f"{day}.{(fraction or '').ljust(6, '0')}{zone.replace('Z', '+00:00')}")
            moment = moment.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            raise ValidationError("is no time that there is") from None
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValidationError(f"is not in the years {FIRST_YEAR} to {LAST_YEAR}")
        return moment


class _Text(fields.Field[str]):
    """A text as it is, also one with control characters: the first programs kept them, and pages show none."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("is no text")
        if len(value) > MAX_CONTENT_CHARS:
            raise ValidationError(f"has more than {MAX_CONTENT_CHARS} characters")
        if _SURROGATE.search(value):
            raise ValidationError("has half a character (a lone surrogate)")
        return value


class _Key(fields.Field[str]):
    """The key of a thread in its one form."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str) or thread_key(value) != value:
            raise ValidationError("is no key of a thread in its one form, such as /blog/post")
        return value


def _count() -> _Whole:
    return _Whole(0, MAX_ID, required=True)


class _HeaderSchema(Schema):
    format = fields.String(required=True)
    version = _Whole(VERSION, VERSION, required=True)
    program = fields.String(required=True, validate=validate.Length(max=100))
    exported = _Moment(required=True)
    emails = fields.Boolean(load_default=True, truthy={True}, falsy={False})
    threads, comments, versions = _count(), _count(), _count()


class _ThreadSchema(Schema):
    key = _Key(required=True)
    closed = _Moment(load_default=None)


class _CommentSchema(Schema):
    id = _Whole(1, MAX_ID, required=True)
    thread = _Key(required=True)
    parent = _Whole(1, MAX_ID, load_default=None)
    posted = _Moment(required=True)
    # Cleaned as what is typed into the form is.
    name = Line("A name", MAX_NAME_CHARS)
    email = Email("An e-mail address", MAX_EMAIL_CHARS)
    website = Website("A website", MAX_WEBSITE_CHARS)
    mark = fields.String(load_default=None, validate=validate.Regexp(rf"(?:{MARK.pattern})\Z", error="is no mark"))
    content = _Text(required=True, allow_none=True)
    revision = _Whole(1, MAX_REVISION, load_default=1)
    edited = _Moment(load_default=None)
    deleted = _Moment(load_default=None)


class _VersionSchema(Schema):
    comment = _Whole(1, MAX_ID, required=True)
    revision = _Whole(1, MAX_REVISION, required=True)
    content = _Text(required=True, allow_none=True)
    written = _Moment(required=True)


class _FooterSchema(Schema):
    threads, comments, versions = _count(), _count(), _count()
    sha256 = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{64}\Z", error="is no SHA-256"))


KINDS: dict[str, tuple[Schema, type[Record]]] = {
    "header": (_HeaderSchema(), Header),
    "thread": (_ThreadSchema(), Thread),
    "comment": (_CommentSchema(), Comment),
    "version": (_VersionSchema(), Version),
    "footer": (_FooterSchema(), Footer),
}
_NAMES = {of: kind for kind, (_, of) in KINDS.items()}


def line_of(record: Record) -> bytes:
    """Return the line that a record is written as."""
    values = {name: _written(getattr(record, name)) for name in record.__slots__}
    line = json.dumps({"kind": _NAMES[type(record)], **values}, ensure_ascii=False, separators=(",", ":"))
    return line.encode() + b"\n"


def _written(value: object) -> object:
    if not isinstance(value, datetime):
        return value
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def record_of(line: bytes) -> Record:
    """Return the record that a line holds. Raises BrokenLine, and OtherFormat for the header of another format."""
    given = _object(line)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise BrokenLine(f"{_shown(kind)} is no kind of record in version {VERSION} of the format")
    if kind == "header":
        _check_format(given)
    schema, record = KINDS[kind]
    try:
        loaded = schema.load(given)
    except ValidationError as error:
        raise BrokenLine("; ".join(_message(name, said) for name, said in error.messages_dict.items())) from None
    if loaded.get("deleted") and any(loaded[name] for name in ("name", "email", "website", "mark", "content")):
        raise BrokenLine("deleted: what was deleted has no words, name or address")
    return record(**loaded)


def _check_format(given: Mapping[str, Any]) -> None:
    if given.get("format") != FORMAT:
        raise OtherFormat(f"this is no export of commentsite: its format is {_shown(given.get('format'))}")
    version = given.get("version")
    if type(version) is not int or version != VERSION:
        raise OtherFormat(f"this is version {_shown(version)} of the format, and this program reads {VERSION}")


def _object(line: bytes) -> dict[str, Any]:
    try:
        given = _DECODER.decode(line.decode())
    except BrokenLine:
        raise
    except UnicodeDecodeError:
        raise BrokenLine("this is not UTF-8") from None
    except RecursionError:
        raise BrokenLine("this is nested too deeply") from None
    except ValueError as error:  # also of a number with thousands of digits
        reason = (
            f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "a number too long"
        )
        raise BrokenLine(f"this is no JSON: {reason}") from None
    if not isinstance(given, dict):
        raise BrokenLine("this is no JSON object")
    return given


def _no_number(name: str) -> NoReturn:
    raise BrokenLine(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BrokenLine("a field is there twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_unique)


def _message(name: object, said: object) -> str:
    return f"{_shown(name)[1:-1]}: {said[0] if isinstance(said, list) else said}"


def _shown(value: object) -> str:
    """Return a value of a stranger's as a short text without control characters."""
    return ascii(value)[:60] if isinstance(value, (str, int, float, bool, type(None))) else f"a {type(value).__name__}"
