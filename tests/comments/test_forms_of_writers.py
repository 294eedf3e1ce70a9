"""The shape of what else a writer sends: e-mail, website, what is replied to, which revision is edited."""

from __future__ import annotations

import pytest

from commentsite.comments.forms import CommentDraft, EditDraft, comment_draft, edit_draft
from commentsite.errors import InvalidInput


def draft(**fields: object) -> CommentDraft:
    return comment_draft({"content": "Hi", **fields})


def test_draft_of_empty_fields_has_no_writer() -> None:
    assert draft(name="", email="", website="", parent="") == CommentDraft("Hi")


def test_draft_of_blank_fields_has_no_writer() -> None:
    assert draft(name=" ", email="\t", website=" \n") == CommentDraft("Hi")


@pytest.mark.parametrize(
    "email", ["ada@example.org", " ada@example.org ", "a+b.c@sub.example.org", "ada@bücher.example"]
)
def test_email_is_taken(email: str) -> None:
    assert draft(email=email).email == email.strip()


@pytest.mark.parametrize(
    "email",
    [
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "a@b@example.org",
        "ada@example.org\nBcc: bob@example.org",
        "ada@example.org\x00",
        "a\u202eda@example.org",
        "<ada@example.org>",
        "ada@example.org,bob@example.org",
    ],
)
def test_email_of_another_shape_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput, match="no e-mail address"):
        draft(email=email)


def test_email_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        draft(email="a" * 64 + "@" + "b.example." * 25 + "org")
    assert "email" in caught.value.fields


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("https://example.org/", "https://example.org/"),
        ("http://example.org/~ada?x=1&y='#top", "http://example.org/~ada?x=1&y='#top"),
        ("example.org", "https://example.org"),
        ("example.org:8080/x", "https://example.org:8080/x"),
        (" https://example.org ", "https://example.org"),
        ("https://bücher.example/ä", "https://bücher.example/ä"),
        ("https://例え.テスト/", "https://例え.テスト/"),
        ("https://example.org/?mail=a@b.example", "https://example.org/?mail=a@b.example"),
    ],
)
def test_website_is_taken(typed: str, kept: str) -> None:
    assert draft(website=typed).website == kept


@pytest.mark.parametrize(
    "website",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "javascript:1",
        "javascript://example.org/%0Aalert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "ftp://example.org",
        "file:///etc/passwd",
        "mailto:a@b.example",
        "//example.org",
        "/path",
        "http:example.org",
        "https://ada:secret@example.org",
        "https://example.org@evil.example",
        "https://example.org\\@evil.example",
        'https://example.org/"onclick="x',
        "https://example.org/<script>",
        "https://exa mple.org",
        "https://example.org/\nx",
        "https://example.org/\x00",
        "https://example.org/\ud800",
        "https://",
        "https://[broken",
        "https://example.org:port",
        "x",
    ],
)
def test_website_of_another_kind_is_refused(website: str) -> None:
    with pytest.raises(InvalidInput, match="no address of a website"):
        draft(website=website)


def test_website_of_500_characters_is_taken() -> None:
    website = "https://example.org/".ljust(500, "x")
    assert draft(website=website).website == website


@pytest.mark.parametrize("website", ["https://example.org/".ljust(501, "x"), "example.org/".ljust(493, "x")])
def test_website_of_501_characters_is_refused(website: str) -> None:
    with pytest.raises(InvalidInput, match="room for 500 characters"):
        draft(website=website)


@pytest.mark.parametrize("field", ["email", "website"])
@pytest.mark.parametrize("value", [["x"], {"x": 1}, 1, True])
def test_writer_must_be_text(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match="must be text"):
        draft(**{field: value})


def test_every_field_at_fault_has_its_message() -> None:
    with pytest.raises(InvalidInput) as caught:
        comment_draft({"content": " ", "name": "x" * 99, "email": "x", "website": "javascript:x", "parent": "0"})
    assert set(caught.value.fields) == {"content", "name", "email", "website", "parent"}


def test_name_and_email_can_be_required() -> None:
    with pytest.raises(InvalidInput) as caught:
        comment_draft({"content": "Hi", "name": "\u200b", "email": " "}, require_name=True, require_email=True)
    assert set(caught.value.fields) == {"name", "email"}


def test_required_email_that_is_wrong_is_said_to_be_wrong() -> None:
    with pytest.raises(InvalidInput, match="no e-mail address"):
        comment_draft({"content": "Hi", "email": "x"}, require_email=True)


@pytest.mark.parametrize("parent", ["0", "-1", "x", "01", "1.0", " 1", str(2**63), "9" * 50, "\x00", "１", ["1"], 1.5])
def test_parent_that_is_no_id_is_refused(parent: object) -> None:
    with pytest.raises(InvalidInput, match="not there any more"):
        draft(parent=parent)


def test_parent_is_an_id() -> None:
    assert draft(parent=str(2**63 - 1)).parent_id == 2**63 - 1


@pytest.mark.parametrize("revision", [None, "", "x", "0", "-1", str(2**31), str(2**70), "9" * 50, ["1"], "1.5"])
def test_edit_without_a_revision_is_refused(revision: object) -> None:
    with pytest.raises(InvalidInput, match="which text it changes"):
        edit_draft({"content": "Hi", "revision": revision})


def test_edit_needs_its_revision() -> None:
    with pytest.raises(InvalidInput, match="which text it changes"):
        edit_draft({"content": "Hi"})


def test_edit_is_a_text_and_a_revision() -> None:
    assert edit_draft({"content": "a\r\nb", "revision": "3", "name": "Eve"}) == EditDraft("a\nb", 3)


@pytest.mark.parametrize("parent", ["1", "", "x"])
def test_edit_cannot_move_a_comment(parent: str) -> None:
    with pytest.raises(InvalidInput, match="to another place"):
        edit_draft({"content": "Hi", "revision": "1", "parent": parent})
