"""Lines of strangers: each thing that may be wrong with one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from commentsite.transfer.format import MAX_LINE_BYTES, Comment, OtherFormat, Version, line_of, record_of
from tests.transfer.files import HELLO, ROOT, comment, problem, problems, reply, whole


def changed(**fields: Any) -> bytes:
    """Return the line of a comment with other values in some fields."""
    return json.dumps({**json.loads(line_of(HELLO)), **fields}).encode() + b"\n"


def read(line: bytes) -> Comment:
    record = record_of(line)
    assert isinstance(record, Comment)
    return record


def test_record_comes_out_of_its_line() -> None:
    everything = comment(7, "a\u2028b\x00\u200d🐍", name="Ann", email="a@example.org", website="https://example.org")
    assert record_of(line_of(everything)) == everything
    assert line_of(everything).count(b"\n") == 1


def test_line_over_the_limit_is_refused_and_the_next_read() -> None:
    long = b'{"kind":"comment","content":"' + b"x" * (3 * MAX_LINE_BYTES) + b'"}\n'
    assert problems(whole([ROOT, long, HELLO])) == [(3, f"the line is longer than {MAX_LINE_BYTES} bytes")]


def test_deep_json_is_refused() -> None:
    assert "nested too deeply" in problem(b"[" * 200_000 + b"\n")


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(name: str) -> None:
    assert problem(f'{{"kind":"comment","id":{name}}}\n'.encode()) == f"{name} is no JSON"


def test_number_of_thousands_of_digits_is_refused() -> None:
    assert "no JSON: a number too long" in problem(b'{"kind":"comment","id":' + b"9" * 5000 + b"}\n")


def test_field_twice_is_refused() -> None:
    assert problem(line_of(HELLO).replace(b'"id":1', b'"id":1,"id":2')) == "a field is there twice"


@pytest.mark.parametrize("field", ["content", "email", "website", "mark", "thread"])
def test_half_a_character_is_refused(field: str) -> None:
    said = problem(changed(**{field: "a\ud800"}))
    assert said.startswith(f"{field}: ")
    assert said.isascii()


@pytest.mark.parametrize("number", [0, -1, 2**63, 1.0, True, "1", None, [1], 1e999])
def test_wrong_id_is_refused(number: Any) -> None:
    line = changed(id=number).replace(b"Infinity", b"1e999")
    assert problem(line).startswith("id: is no whole number" if number is not None else "id: Field may not be null")


@pytest.mark.parametrize("field", ["thread", "posted", "name", "email", "website", "mark", "content", "edited"])
@pytest.mark.parametrize("value", [7, ["x"], {"a": "b"}, True])
def test_wrong_type_is_refused(field: str, value: Any) -> None:
    assert problem(changed(**{field: value})).startswith(f"{field}: ")


@pytest.mark.parametrize(
    "posted",
    [
        "2017-07-07T18:47:00",
        "2017-07-07",
        "2017-13-07T18:47:00Z",
        "2017-07-07T18:47:00z",
        "2017-07-07T18:47:00Z\n",
        "2017-07-07T18:47:00.1234567Z",
        "\u0662017-07-07T18:47:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "yesterday",
    ],
)
def test_time_that_is_none_is_refused(posted: str) -> None:
    assert problem(changed(posted=posted)).startswith("posted: is n")


def test_time_of_another_zone_is_the_same_moment() -> None:
    posted = read(changed(posted="2017-07-07T20:47:00.5+02:00")).posted
    assert posted == datetime(2017, 7, 7, 18, 47, 0, 500_000, tzinfo=timezone.utc)


def test_unknown_kind_is_refused_with_the_version() -> None:
    assert problem(b'{"kind":"vote\\u001b[31m"}\n') == "'vote\\x1b[31m' is no kind of record in version 1 of the format"


def test_unknown_field_is_refused_without_its_control_characters() -> None:
    assert problem(changed(**{"\x1b[31m": 1})) == "\\x1b[31m: Unknown field."


@pytest.mark.parametrize("website", ["javascript:alert(1)", "https://a@example.org", "data:text/html,x", "//"])
def test_website_that_is_none_is_refused(website: str) -> None:
    assert "no address of a website" in problem(changed(website=website))


def test_name_is_cleaned_as_in_the_form() -> None:
    assert read(changed(name=" A\u200bnn\u202e  B\x07\ud800 ")).name == "Ann B"


@pytest.mark.parametrize("key", ["blog", "/blog/", "/a//b", "/../etc", "/a\x00", "/" + "x" * 500, "/e\u0301"])
def test_key_in_another_form_is_refused(key: str) -> None:
    assert problem(changed(thread=key)).startswith("thread: is no key")


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"7\n", b"{\n", b"\xff\n", b"\xef\xbb\xbf{}\n", b"null\n"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    assert problem(line).startswith("this is no")


def test_text_that_is_too_long_is_refused() -> None:
    assert problem(changed(content="x" * 4097)) == "content: has more than 4096 characters"


def test_deleted_comment_with_words_is_refused() -> None:
    assert problem(changed(deleted="2017-07-07T18:47:00Z")).startswith("deleted: ")


@pytest.mark.parametrize("parent", [1, 2, 9])
def test_parent_that_is_not_before_is_refused(parent: int) -> None:
    assert "does not come before it" in problem(reply(1, parent))


def test_replies_in_a_circle_are_refused() -> None:
    assert [number for number, _ in problems(whole([ROOT, reply(1, 2), reply(2, 1)]))] == [3, 4]


def test_parent_in_another_thread_is_refused() -> None:
    other = replace(ROOT, key="/other")
    assert problem(reply(2, 1, thread="/other"), HELLO, other) == "its parent 1 is in another thread"


def test_comment_without_its_thread_is_refused() -> None:
    assert problem(comment(1, thread="/other")).startswith("its thread does not come before it")


def test_what_is_there_twice_is_refused() -> None:
    assert problem(HELLO, HELLO) == "a comment 1 was there before"
    assert problem(ROOT) == "this thread was there before"


@pytest.mark.parametrize("revision", [2, 3])
def test_version_that_is_not_earlier_is_refused(revision: int) -> None:
    version = Version(1, revision, "Hallo", HELLO.posted)
    assert "has no earlier revision" in problem(version, replace(HELLO, revision=2))


@pytest.mark.parametrize("line", [b"", b"x\n", line_of(HELLO), b'{"kind":"header"}\n'])
def test_file_of_another_format_is_refused_whole(line: bytes) -> None:
    with pytest.raises(OtherFormat):
        problems(line + line_of(ROOT))


def test_file_of_another_version_is_refused_whole() -> None:
    with pytest.raises(OtherFormat, match="this is version 2 of the format, and this program reads 1"):
        problems(whole([]).replace(b'"version":1', b'"version":2'))


def test_file_cut_anywhere_is_recognised() -> None:
    text = whole([ROOT, HELLO, reply(2, 1)])
    first = text.index(b"\n") + 1
    assert not problems(text)
    for end in range(first, len(text) - 1):
        assert problems(text[:end]), end


def test_line_left_out_or_changed_is_recognised() -> None:
    text = whole([ROOT, HELLO])
    assert problems(text.replace(line_of(HELLO), b""))[0][1].startswith("1 lines stand before the footer")
    assert "not those that it was written for" in problems(text.replace(b"Hello", b"Hallo"))[0][1]


def test_what_follows_the_footer_is_refused() -> None:
    assert problems(whole([ROOT]) + line_of(HELLO)) == [(4, "the file goes on after its footer")]
