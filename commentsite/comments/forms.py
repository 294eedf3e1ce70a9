"""The shape of what a sender writes: one definition for whatever it comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from ..errors import LINE_BREAK, UNPRINTABLE, InvalidInput
from .models import MAX_CONTENT_CHARS, MAX_EMAIL_CHARS, MAX_NAME_CHARS, MAX_WEBSITE_CHARS
from .policy import GONE, comment_id, is_visible, plain_name

NO_REVISION = "The form did not say which text it changes. Copy yours, open the comment again and save it from there."

# What stands in the place of a name where there is none; a writer of that name would read like the site.
OUR_NAMES = frozenset({"anonymous", "deleted", "a deleted comment"})


@dataclass(frozen=True)
class CommentDraft:
    """A comment as it may be stored, its line breaks as `\\n`; `parent_id` is that of the comment it replies to."""

    content: str
    name: str | None = None
    email: str | None = None
    website: str | None = None
    parent_id: int | None = None


@dataclass(frozen=True)
class EditDraft:
    """A comment's new text, and the revision of it that the writer had before them."""

    content: str
    revision: int


class Content(fields.Field[str]):
    """A text that shows something, of MAX_CONTENT_CHARS at most."""

    default_error_messages = {  # noqa: RUF012 - marshmallow's own way
        "required": "The text is missing. Write your comment and send it again.",
        "null": "The text is missing. Write your comment and send it again.",
        "type": "The text must be text.",
        "long": "That is {count:,} characters, and a comment has room for {most:,}. Shorten it, or post it in parts.",
        "controls": "The text had control characters that cannot be shown. They are taken out below: check it and "
        "send it again.",
        "empty": "There is nothing to see in the text. Write your comment and send it again.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("type")
        content = LINE_BREAK.sub("\n", value)
        if len(content) > MAX_CONTENT_CHARS:
            raise self.make_error("long", count=len(content), most=MAX_CONTENT_CHARS)
        if UNPRINTABLE.search(content):
            raise self.make_error("controls")
        if not any(map(is_visible, content)):
            raise self.make_error("empty")
        return content


class Line(fields.Field[str | None]):
    """One line of `most` characters, None where there is nothing in it."""

    def __init__(self, what: str, most: int, **options: Any) -> None:
        super().__init__(load_default=None, allow_none=True, **options)
        self.what, self.most = what, most

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str | None:
        if not isinstance(value, str):
            raise ValidationError(f"{self.what} must be text.")
        # Composing costs more than linear time, so what is far too long is not composed.
        line = self.plain(value) if len(value) <= 4 * self.most else value
        if line is not None and len(line) > self.most:
            raise ValidationError(f"{self.what} has room for {self.most} characters. Shorten it and send it again.")
        return line

    def plain(self, value: str) -> str | None:
        """Return `value` as it is kept. Raises ValidationError."""
        name = plain_name(value)
        if name and name.casefold() in OUR_NAMES:
            raise ValidationError("That is what the site itself says of some comments. Choose another name.")
        return name


class Email(Line):
    """An e-mail address."""

    def plain(self, value: str) -> str | None:
        address = value.strip()
        if address:
            validate.Email(error="This is no e-mail address. Correct it or leave it out.")(address)
        return address or None


class Website(Line):
    """An address of the web; one without a scheme gets https."""

    def plain(self, value: str) -> str | None:
        url = value.strip()
        if url and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9])", url):
            url = f"https://{url}"
        if url and not _is_website(url):
            raise ValidationError("This is no address of a website. It begins with https:// or http://.")
        return url or None


class Parent(fields.Field[int | None]):
    """The id of the comment that is replied to."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int | None:
        parent_id = comment_id(str(value))
        if parent_id is None and value != "":
            raise ValidationError(GONE)
        return parent_id


class CommentSchema(Schema):
    """What a comment is made of."""

    class Meta:
        unknown = EXCLUDE

    content = Content(required=True)
    name = Line("A name", MAX_NAME_CHARS)
    email = Email("An e-mail address", MAX_EMAIL_CHARS)
    website = Website("A website", MAX_WEBSITE_CHARS)
    parent_id = Parent(data_key="parent", load_default=None, allow_none=True)


class EditSchema(Schema):
    """What an edit is made of."""

    class Meta:
        unknown = EXCLUDE

    content = Content(required=True)
    revision = fields.Integer(
        required=True,
        validate=validate.Range(1, 2**31 - 1, error=NO_REVISION),
        error_messages=dict.fromkeys(("required", "null", "invalid", "too_large"), NO_REVISION),
    )
    parent = fields.Field[object](validate=validate.OneOf([], error="An edit cannot move a comment to another place."))


# Made once: to make one takes longer than to load what was typed.
_COMMENT, _EDIT = CommentSchema(), EditSchema()


def comment_draft(
    given: Mapping[str, object], *, require_name: bool = False, require_email: bool = False
) -> CommentDraft:
    """Return the draft that the fields `given` hold. Raises InvalidInput with a message for each field at fault."""
    problems = {}
    try:
        loaded = _COMMENT.load(given)
    except ValidationError as error:
        loaded, problems = error.valid_data, _messages(error)
    if require_name and "name" not in problems and not loaded.get("name"):
        problems["name"] = "A comment here needs a name. Write yours and send it again."
    if require_email and "email" not in problems and not loaded.get("email"):
        problems["email"] = "A comment here needs your e-mail address, which is not shown. Write it and send it again."
    if problems:
        raise InvalidInput(problems)
    return CommentDraft(**loaded)


def edit_draft(given: Mapping[str, object]) -> EditDraft:
    """Return the edit that the fields `given` hold. Raises InvalidInput with a message for each field at fault."""
    try:
        return EditDraft(**_EDIT.load(given))
    except ValidationError as error:
        raise InvalidInput(_messages(error)) from None


def _messages(error: ValidationError) -> dict[str, str]:
    messages = error.messages_dict
    return {str(name): str(found[0]) for name, found in messages.items()}


def _is_website(url: str) -> bool:
    if UNPRINTABLE.search(url) or re.search(r"[\s\\<>\"^`{|}]", url):
        return False
    try:
        validate.URL(schemes={"http", "https"})(url)
        return "@" not in urlsplit(url).netloc  # a name before the host is read as the host
    except (ValidationError, ValueError):
        return False
