"""Markdown held against the specification of CommonMark and against what was published to break programs.

Every text, whatever becomes of it, must come out as what a page may carry: SAFE below says it again, in other words
than the code's own list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from commentsite.comments import markdown
from commentsite.comments.markdown import markdown_html
from commentsite.comments.markup import rendered
from commentsite.errors import UNPRINTABLE
from tests.texts import Example, hostile_strings, naughty_strings, spec_examples, specified

ADDRESS = r"(?i:https?://[^/?#\s\"<>]|mailto:[^/?#\s\"<>])[^\s\"<>]*"
ANY = r"(?s).*"
SAFE = {
    "a": {"href": ADDRESS, "title": ANY, "rel": "nofollow ugc noopener"},
    "blockquote": {"dir": "auto"},
    "br": {},
    "code": {"dir": "ltr"},
    "em": {},
    "hr": {},
    "img": {"src": '(?i:https://)[^\\s"<>]+', "alt": ANY, "title": ANY, "loading": "lazy"}
    | {"referrerpolicy": "no-referrer"},
    "li": {},
    "ol": {"dir": "auto", "start": "[0-9]{1,9}"},
    "p": {"dir": "auto", "class": "heading"},
    "pre": {"dir": "ltr"},
    "span": {"class": "[a-z]{1,2}"},
    "strong": {},
    "ul": {"dir": "auto"},
}
VOID = {"br", "hr", "img"}


class Reader(HTMLParser):
    """Reads HTML strictly: collects in `faults` what no comment may have, in `text` what is to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        allowed = SAFE.get(tag)
        if allowed is None or (tag in ("a", "p") and tag in self.open):
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            if not re.fullmatch((allowed or {}).get(name, "(?!)"), value or ""):
                self.faults.append(f"<{tag} {name}={value!r}>")
        if tag == "a" and not {"href", "rel"} <= {name for name, _ in attrs}:
            self.faults.append("<a> without its attributes")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"<![{data}]>")


def faults(markup: str) -> list[str]:
    """Return what is wrong with the HTML of a comment."""
    reader = Reader()
    reader.feed(markup)
    reader.close()
    unprintable = [repr(found) for found in UNPRINTABLE.findall(markup)]
    empty = [] if reader.text.strip() or "<img " in markup else ["nothing to see"]
    return reader.faults + [f"<{tag}> left open" for tag in reader.open] + unprintable + empty


@pytest.fixture(params=[False, True], ids=["links", "images"])
def site(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """An app of the one setting that counts here, without and with images."""
    app = Flask(__name__)
    app.config["MARKDOWN_IMAGES"] = request.param
    with app.app_context():
        yield app


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("texts", [spec_examples, naughty_strings, hostile_strings])
def test_published_texts_come_out_safe(texts: object) -> None:
    assert callable(texts)
    found = {text: faults(rendered(text).html) for text in texts() if text.strip()}
    assert {text: wrong for text, wrong in found.items() if wrong} == {}


# What our rules make different, by the number of the example. All others come out as the specification says.
DIFFERENT = {
    "raw HTML is text": {21, 31, 201, 308, 309, 344, 476, 477, 491, 494, 524, 536, 642, 643},
    "nothing to see is shown as it was typed": {11, 43, 47, *range(50, 55), 79, 98, 126, 129, 130, 144, 239, 240}
    | {284, 334},
    "an address within the site is no link": {32, 33, 194, 195, 200, 203, 204, 206, 484, 485, 486, 487, 492, 495, 496}
    | {*range(498, 505), 507, 522},
    "a definition that is not used stays": {207, 208, 210, 317, 537, 538, 544, 545, 563, 565, 567, 571, 592},
    "other schemes are no links": {596, 598, 599, 601},
    "addresses in the text are links": {602, 608, 611},
}
RELATIVE = re.compile(r"(?<![\w/.:*])/(?=[a-zφ])")


class Shape(Reader):
    """Reads HTML into `parts`, a list of tags with their attributes and of texts, without what our rules add."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open += [tag] * (tag not in VOID)
        if tag != "br":
            kept = {name: value for name, value in attrs if name in ("href", "title", "start")}
            self.parts.append(f"<{'p' if re.fullmatch('h[1-6]', tag) else tag} {kept}>")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open[:-1]
        self.parts.append(f"</{'p' if re.fullmatch('h[1-6]', tag) else tag}>")

    def handle_data(self, data: str) -> None:
        self.parts.append(data if "pre" in self.open else data.strip("\n"))


def shape(markup: str) -> str:
    """Return the HTML as one string to compare: line breaks as they were typed."""
    reader = Shape()
    reader.feed(re.sub(r"\n?<br ?/?>\n?", "\n", markup))
    reader.close()
    return "".join(reader.parts)


def differs(example: Example) -> bool:
    """Say whether our HTML is other than that of the specification, where addresses within a site have a scheme."""
    text = RELATIVE.sub("mailto:-", example["markdown"])
    html = markdown_html(text, with_images=False, with_colours=False) or ""
    return shape(html).replace("mailto:-", "/") != shape(example["html"])


def test_examples_of_the_specification_come_out_as_it_says_but_for_our_rules() -> None:
    named = set().union(*DIFFERENT.values())
    ruled = {
        example["number"]
        for example in specified()
        if example["section"] in ("HTML blocks", "Raw HTML") or "<img" in example["html"]
    }
    differing = {example["number"] for example in specified() if differs(example)}
    assert differing - ruled == named
    assert len(named | ruled) < len(specified()) / 3


SIGNS = st.sampled_from("ab1 \n\t[](){}<>!*_`~#>-+=.,:;/\\&'\"@|\u200f\u05d0")


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.text(SIGNS | st.characters(codec="utf-8"), max_size=200))
def test_any_text_comes_out_safe(text: str) -> None:
    html = markdown_html(text, with_images=True, with_colours=True)
    assert html is None or faults(html) == []


# What a line of prose may have in it, and what it may not.
NEAR_PROSE = [
    "a", "ß", "א", "\u0301", "\u3164", "1", " ", "  ", "\n", "\n\n", "\t", "\xa0", ".", ":", "-", "+", "=", "#", "~~",
    "!", "(", '"', "'", "“", "|", "%", "😀", "\n---", "\n1. ", "\n- ", "\n> ", " http://a", " www.a", "*a*", " _a_ ",
    "`a`", "[a](mailto:b@c.d)", "<b>", "&lt;", "\\.",
]  # fmt: skip


@settings(deadline=None, max_examples=600, derandomize=True)
@given(st.lists(st.sampled_from(NEAR_PROSE), max_size=3).map(lambda pieces: "a".join(["", *pieces])))
def test_prose_comes_out_as_it_would_of_the_parser(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markdown, "_is_prose", lambda _text: False)
        parsed = markdown_html(text, with_images=True, with_colours=True)
    assert markdown_html(text, with_images=True, with_colours=True) == parsed


@pytest.mark.parametrize("text", ["a", "A “b”, c.\nd - e\n\n\n'f'! (1) 2: 3; #4", "ㅤ a", "é\n\n(א" * 20])
def test_prose_is_not_parsed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(markdown, "_parser")
    assert markdown_html(text, with_images=True, with_colours=True)


PIECES = [
    "[",
    "](",
    ")",
    "![",
    "](https://a.b/",
    "](javascript:",
    "<",
    ">",
    "http://a.b/",
    "www.a.b",
    "\n",
    "\n\n",
    "> ",
]
PIECES += [
    "- ",
    "1. ",
    "    ",
    "```",
    "```html\n",
    "`",
    "*",
    "_",
    "**",
    "# ",
    "\n---\n",
    "[a]: http://a.b\n",
    "&lt;",
    "&#x3c;",
]
PIECES += [
    "<script>",
    "<img src=x onerror=a>",
    "<!--",
    "\\",
    '"',
    "'",
    "a",
    " ",
    "\u202e",
    "\u00a0",
    "javascript:",
    "&colon;",
]


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_pieces_of_markdown_in_any_order_come_out_safe(text: str) -> None:
    html = markdown_html(text, with_images=True, with_colours=True)
    assert html is None or faults(html) == []
