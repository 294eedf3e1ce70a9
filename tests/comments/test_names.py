"""Names of writers, so cleaned that none can pass for another by what nobody sees."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsite.comments.forms import comment_draft
from commentsite.comments.policy import MARKS_ON_A_LETTER, plain_name
from commentsite.errors import InvalidInput

ADA = "Ada Lovelace"


@pytest.mark.parametrize(
    "imitation",
    [
        "  Ada \t Lovelace\n",
        "Ada\u00a0Lovelace",
        "Ada\u3000Lovelace",
        "Ada\u2028Lovelace",
        "A\u200bda Lovelace",
        "A\u200dda Love\u00adlace",
        "\u202eAda Lovelace\u202c",
        "\u2066Ada\u2069 Lovelace\u200f",
        "\ufeffAda Lovelace",
        "Ada Lovelace\ufe0f",
        "Ada Lovelace\U000e0101",
        "A\U000e0041da Lovelace",
        "A\U000e0fffda Lovelace",
        "A\u034fda Lovelace",
        "A\u2065da Lovelace",
        "Ada\u3164\u115f\uffa0\u2800 Lovelace",
        "Ada\u17b4 \u180b Lovelace",
        "Ada\ue000 Lovelace\U000f0000",
        "Ada\x00 Love\x1flace\x7f\x85",
        "Ada\ud800 Lovelace\ufffe",
        "Ａｄａ　Ｌｏｖｅｌａｃｅ",
        "𝐀𝐝𝐚 𝓛𝓸𝓿𝓮𝓵𝓪𝓬𝓮",
        "Ⓐⓓⓐ Lovelace",
    ],
)
def test_name_of_an_imitator_is_the_name_imitated(imitation: str) -> None:
    assert plain_name(imitation) == ADA


@pytest.mark.parametrize(
    "name", [ADA, "Zoë", "ليلى", "Guðrún 👋", "Lê Thị Hồng", "नीरज", "O'Neill & Sons <3>", "🏴", "山田 太郎", "1️⃣ "]
)
def test_name_of_any_script_stays(name: str) -> None:
    plain = plain_name(name)
    assert plain is not None
    assert plain.split() == [word.replace("\ufe0f", "") for word in name.split()]


def test_name_composes_its_letters() -> None:
    assert plain_name("Zoe\u0308") == "Zoë"


@pytest.mark.parametrize("name", ["", "  ", "\u200b\u200d", "\u3164", "\U000e0101", "\x00"])
def test_name_that_shows_nothing_is_none(name: str) -> None:
    assert plain_name(name) is None


def test_name_keeps_a_few_marks_of_a_pile() -> None:
    piled = "Z" + "\u0317" * 40 + "algo"
    assert plain_name(piled) == "Z" + "\u0317" * MARKS_ON_A_LETTER + "algo"


@given(st.text(max_size=60))
@settings(derandomize=True, deadline=None, database=None)
def test_plain_name_is_plain(text: str) -> None:
    name = plain_name(text)
    assert name is None or plain_name(name) == name == name.strip()
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in name or "")


@pytest.mark.parametrize(
    "name", ["x" * 80, "👩" * 80, "e\u0301" * 80, "x" * 80 + " " * 200], ids=["latin", "emoji", "accents", "blanks"]
)
def test_name_of_eighty_characters_is_taken(name: str) -> None:
    assert len(comment_draft({"content": "Hi", "name": name}).name or "") == 80


@pytest.mark.parametrize(
    "name",
    ["x" * 81, "👩" * 81, "\ufdfa" * 5, "\u200b" * 4000, "e" + "\u0301" * 60_000],
    ids=["latin", "emoji", "ligatures", "invisible", "marks"],
)
def test_name_of_more_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="room for 80 characters"):
        comment_draft({"content": "Hi", "name": name})


@pytest.mark.parametrize("name", [["x"], {"x": 1}, 1, True])
def test_name_must_be_text(name: object) -> None:
    with pytest.raises(InvalidInput, match="must be text"):
        comment_draft({"content": "Hi", "name": name})


@pytest.mark.parametrize("name", ["Anonymous", "DELETED", " a  deleted comment ", "Anony\u200bmous"])
def test_name_that_the_site_itself_uses_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="the site itself"):
        comment_draft({"content": "Hi", "name": name})
