"""Text made into HTML."""

from __future__ import annotations

import pytest
from flask import Flask

from commentsite.comments.markup import paragraphs_html, time_html
from tests.factories import MOMENT


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one", '<p dir="auto">one</p>'),
        ("one\r\ntwo\rthree", '<p dir="auto">one<br>two<br>three</p>'),
        ("one\r\n\r\ntwo", '<p dir="auto">one</p>\n<p dir="auto">two</p>'),
        ("one\ntwo", '<p dir="auto">one<br>two</p>'),
        ("one\n\ntwo", '<p dir="auto">one</p>\n<p dir="auto">two</p>'),
        ("one\n \t\n\n\ntwo", '<p dir="auto">one</p>\n<p dir="auto">two</p>'),
        ("\n\none\n", '<p dir="auto">one</p>'),
        ("  a  b", '<p dir="auto">  a  b</p>'),
        ("<b>&\"'", '<p dir="auto">&lt;b&gt;&amp;&#34;&#39;</p>'),
    ],
)
def test_paragraphs_keep_lines_and_escape(text: str, html: str) -> None:
    assert paragraphs_html(text) == html


def test_paragraphs_of_the_worst_text_take_no_time_that_grows_with_its_square() -> None:
    # 4,096 blank lines of blanks: a pattern that backtracks would not come back from this.
    assert "x" in paragraphs_html(" \n" * 2047 + "x")


def test_time_names_no_zone_twice(app: Flask) -> None:
    app.config["TIMESTAMP_FORMAT"] = "%H:%M %Z"
    with app.app_context():
        assert time_html(MOMENT) == '<time datetime="2017-07-07T18:47:00+00:00">18:47 UTC</time>'


def test_time_names_the_zone_where_the_pattern_only_seems_to(app: Flask) -> None:
    app.config["TIMESTAMP_FORMAT"] = "%H:%M 100 %%z"
    with app.app_context():
        assert time_html(MOMENT).endswith('18:47 100 %z</time> <span class="zone">UTC</span>')


def test_time_escapes_its_pattern(app: Flask) -> None:
    app.config["TIMESTAMP_FORMAT"] = "<%H>"
    with app.app_context():
        assert "&lt;18&gt;</time>" in time_html(MOMENT)
