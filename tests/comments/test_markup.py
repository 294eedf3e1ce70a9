"""Text made into HTML."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from flask import Flask

from commentsite.comments import markdown, markup
from commentsite.comments.markup import BARS, HUES, current_renderer, mark_svg, paragraphs_html, rendered, time_html
from commentsite.comments.models import MAX_CONTENT_CHARS, RENDERER_CHARS
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
        assert time_html(MOMENT) == '<time datetime="2017-07-07T18:47:00Z">18:47 UTC</time>'


def test_time_names_the_zone_where_the_pattern_only_seems_to(app: Flask) -> None:
    app.config["TIMESTAMP_FORMAT"] = "%H:%M 100 %%z"
    with app.app_context():
        assert time_html(MOMENT).endswith("18:47 100 %z</time> UTC")


def test_time_escapes_its_pattern(app: Flask) -> None:
    app.config["TIMESTAMP_FORMAT"] = "<%H>"
    with app.app_context():
        assert "&lt;18&gt;</time>" in time_html(MOMENT)


@pytest.fixture
def site() -> Iterator[Flask]:
    """An app of the one setting that counts for what is rendered."""
    site = Flask(__name__)
    site.config["MARKDOWN_IMAGES"] = False
    with site.app_context():
        yield site


def html_of(text: str) -> str:
    """Return what Markdown makes of `text`, the `rel` that every link has left out."""
    return rendered(text).html.replace(' rel="nofollow ugc noopener"', "")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*one* **two** `three`", '<p dir="auto"><em>one</em> <strong>two</strong> <code dir="ltr">three</code></p>'),
        ("one\r\ntwo  \nthree", '<p dir="auto">one<br>two<br>three</p>'),
        ("one  two", '<p dir="auto">one  two</p>'),
        ("one\n\ntwo", '<p dir="auto">one</p>\n<p dir="auto">two</p>'),
        ("# one", '<p class="heading" dir="auto">one</p>'),
        ("one\n---", '<p class="heading" dir="auto">one</p>'),
        ("> one", '<blockquote dir="auto">\n<p>one</p>\n</blockquote>'),
        ("- one\n- two", '<ul dir="auto">\n<li>one</li>\n<li>two</li>\n</ul>'),
        ("3) one", '<ol start="3" dir="auto">\n<li>one</li>\n</ol>'),
        ("a\n\n***", '<p dir="auto">a</p>\n<hr>'),
        ("    <b>", '<pre dir="ltr"><code>&lt;b&gt;\n</code></pre>'),
        ("&copy; &#60; \\*", '<p dir="auto">© &lt; *</p>'),
    ],
)
@pytest.mark.usefixtures("site")
def test_markdown_becomes_html(text: str, html: str) -> None:
    assert html_of(text) == html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "a <b>c</b>", "<!-- a -->", "<style>p{}</style>", "<svg/onload=a>", "<h1>a</h1>"],
)
@pytest.mark.usefixtures("site")
def test_raw_html_is_shown_as_it_was_typed(text: str) -> None:
    assert html_of(text) == f'<p dir="auto">{text.replace("<", "&lt;").replace(">", "&gt;")}</p>'


@pytest.mark.usefixtures("site")
def test_link_has_its_rel_and_title() -> None:
    link = '<a href="https://a.example/b" title="c" rel="nofollow ugc noopener">d</a>'
    assert link in rendered('[d](https://a.example/b "c")').html


@pytest.mark.parametrize(
    ("text", "url", "rest"),
    [
        ("see https://a.example.", "https://a.example", "."),
        ("(http://a.example/b_(c))", "http://a.example/b_(c)", ")"),
        ("HTTPS://A.example/x_y_z/_next_/*", "HTTPS://A.example/x_y_z/_next_/", "*"),
        ("*https://a.example*", "https://a.example", "</em>"),
        ("https://a.example:8080/?b=1&c=2#d!", "https://a.example:8080/?b=1&amp;c=2#d", "!"),
        ("<https://a.example/b>", "https://a.example/b", "</p>"),
        ("“https://a.example/b”", "https://a.example/b", "”"),
        ("见https://a.example/b。", "https://a.example/b", "。"),
        ("http://localhost:5000/", "http://localhost:5000/", "</p>"),
    ],
)
@pytest.mark.usefixtures("site")
def test_address_in_the_text_is_linked_without_the_sentence_around_it(text: str, url: str, rest: str) -> None:
    assert f'<a href="{url}">{url}</a>{rest}' in html_of(text)


@pytest.mark.usefixtures("site")
def test_address_is_shown_as_it_was_typed() -> None:
    link = '<a href="https://xn--80ak6aa92e.example/%3C">https://xn--80ak6aa92e.example/%3C</a>'
    assert link in html_of("https://xn--80ak6aa92e.example/%3C")


@pytest.mark.usefixtures("site")
def test_address_that_begins_with_www_is_linked() -> None:
    assert '<a href="http://www.a.example/b">www.a.example/b</a>, and' in html_of("see www.a.example/b, and")


@pytest.mark.parametrize(
    "text",
    [
        "main.py a.example/b",
        "me@a.example",
        "awww.so",
        "xhttp://a.example",
        "http://",
        "http:// a",
        "http:\\//a.example",
        "ftp://a.example",
        "https://bank.example@evil.example",
        "https://a:b@evil.example/",
        "//a.example",
        "httpſ://a.example",
    ],
)
@pytest.mark.usefixtures("site")
def test_what_is_no_plain_address_is_not_linked(text: str) -> None:
    assert "<a" not in html_of(text)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "javascript&colon;alert(1)",
        "&#106;avascript:alert(1)",
        "java\\script:a",
        "&#x6A&#x61;vascript:alert(1)",
        "\x01javascript:a",
        "vbscript:a",
        "data:text/html,a",
        "data:image/png;base64,a",
        "file:///a",
        "//evil.example",
        "/moderation",
        "#top",
        "x",
        "",
        "https:/a",
        "https:evil.example",
        "http:javascript:alert(1)",
        "mailto:",
        "tel:1",
        "httpſ://a.example",
    ],
)
@pytest.mark.parametrize(
    "form", ["[a]({})", "[a](<{}>)", "<{}>", "![a]({})", "[a][b]\n\n[b]: {}", "[a][b]\n\n[b]: <{}>"]
)
@pytest.mark.usefixtures("site")
def test_link_that_leads_elsewhere_than_the_web_is_text(url: str, form: str) -> None:
    html = html_of(form.format(url))
    assert "<a" not in html
    assert "<img" not in html
    assert re.sub(r"<.*?>", "", html).strip()


@pytest.mark.usefixtures("site")
def test_link_in_a_link_is_its_words() -> None:
    assert html_of("[<http://a.b>](http://c.d)") == '<p dir="auto"><a href="http://c.d">http://a.b</a></p>'


@pytest.mark.parametrize("text", ["[](http://a.b)", "[ ](http://a.b)", "[&#8203;](http://a.b)", "![](http://a.b)"])
@pytest.mark.usefixtures("site")
def test_link_without_words_shows_its_address(text: str) -> None:
    assert html_of(text).endswith("http://a.b</a></p>")


@pytest.mark.usefixtures("site")
def test_image_is_a_link_by_its_words() -> None:
    text = '![a *b* `c`](https://d.example/e.png "f") [![g](https://h.example)](https://i.example)'
    link = '<a href="https://d.example/e.png" title="f">a b c</a> <a href="https://i.example">g</a>'
    assert html_of(text) == f'<p dir="auto">{link}</p>'


def test_image_is_shown_where_images_are_wanted(site: Flask) -> None:
    site.config["MARKDOWN_IMAGES"] = True
    attributes = 'src="https://a.example/b.png" alt="a b" loading="lazy" referrerpolicy="no-referrer"'
    assert html_of("![a *b*](https://a.example/b.png)") == f'<p dir="auto"><img {attributes}></p>'


def test_image_without_https_is_a_link_also_where_images_are_wanted(site: Flask) -> None:
    site.config["MARKDOWN_IMAGES"] = True
    assert html_of("![a](http://b.example)") == '<p dir="auto"><a href="http://b.example">a</a></p>'


@pytest.mark.usefixtures("site")
def test_code_of_a_named_language_is_coloured() -> None:
    html = html_of("```Python title\ndef f(): return '<'\n```")
    assert html.startswith('<pre dir="ltr"><code><span class="k">def</span> <span class="nf">f</span>')
    assert "<span class=\"s\">'&lt;'</span>" in html


@pytest.mark.parametrize("language", ["", "klingon", "text", "console", "guess", '"><script>'])
@pytest.mark.usefixtures("site")
def test_code_of_no_known_language_is_plain(language: str) -> None:
    assert html_of(f"~~~{language}\ndef f(): pass\n~~~") == '<pre dir="ltr"><code>def f(): pass\n</code></pre>'


@pytest.mark.parametrize("language", sorted(markdown.LANGUAGES))
@pytest.mark.usefixtures("site")
def test_coloured_code_is_what_was_typed(language: str) -> None:
    code = "\n\n  def f(a):\n\t<b> = {'c': \"d\"} # é\n\n"
    html = rendered(f"~~~{language}\n{code}\n~~~\n").html
    assert unescape(re.sub(r"<.*?>", "", html)).strip("\n") == code.strip("\n")


@pytest.mark.usefixtures("site")
def test_code_beyond_what_a_lexer_does_in_time_is_plain() -> None:
    block = "~~~python\n" + "a = 1\n" * 150 + "~~~\n"
    assert html_of(block).count("<pre") == html_of(block + block).count("1</span>\n</code></pre>") == 1


def test_code_is_plain_without_pygments(site: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygments", None)
    markup._has_pygments.cache_clear()
    try:
        assert rendered("```python\ndef f(): pass\n```").html.count("<") == 4
        assert current_renderer() == markup.RULES
    finally:
        markup._has_pygments.cache_clear()


def test_renderer_says_what_is_switched_on(site: Flask) -> None:
    assert current_renderer() == rendered("a").renderer == f"{markup.RULES}+code"
    site.config["MARKDOWN_IMAGES"] = True
    assert current_renderer() == f"{markup.RULES}+code+images"
    assert len(current_renderer()) <= RENDERER_CHARS


@pytest.mark.parametrize("text", ["***", "#", ">", "-", "[a]: http://b.c", "```\n```", "- - -", "1."])
@pytest.mark.usefixtures("site")
def test_text_that_would_show_nothing_is_shown_as_it_was_typed(text: str) -> None:
    assert re.sub(r"<.*?>", "", html_of(text)).replace("&gt;", ">") in (text, text.replace("\n", ""))


@pytest.mark.usefixtures("site")
def test_definition_that_is_used_makes_a_link() -> None:
    assert html_of("as [1] says\n\n[1]: http://b.c") == '<p dir="auto">as <a href="http://b.c">1</a> says</p>'


@pytest.mark.usefixtures("site")
def test_definition_that_nothing_refers_to_stays() -> None:
    assert html_of("as (1) says\n\n[1]: http://b.c").endswith(
        '<p dir="auto">[1]: <a href="http://b.c">http://b.c</a></p>'
    )


@pytest.mark.parametrize("text", [">" * 30 + " words", "- " * 30 + "words", "> - " * 15 + "words"])
@pytest.mark.usefixtures("site")
def test_words_deep_in_quotes_are_shown(text: str) -> None:
    assert html_of(text) == paragraphs_html(text)


@pytest.mark.usefixtures("site")
def test_direction_is_that_of_the_outermost_block() -> None:
    html = html_of("> שלום\n>\n> - a\n\nb")
    assert re.findall(r"<(\w+) dir=\"auto\"", html) == ["blockquote", "p"]


@pytest.mark.usefixtures("site")
def test_text_that_no_page_can_carry_is_left_out() -> None:
    assert html_of("a\x00\ud800b http://a.b/%01") == '<p dir="auto">ab <a href="http://a.b/%01">http://a.b/%01</a></p>'


@pytest.mark.parametrize("unit", ["![", "[[]", "_*", "http://a ", "[a](http://b)", "a\n", "- a\n", "&", "<", "`a`"])
@pytest.mark.usefixtures("site")
def test_worst_texts_come_to_less_than_their_column_holds(unit: str) -> None:
    html = rendered((unit * MAX_CONTENT_CHARS)[:MAX_CONTENT_CHARS]).html
    assert len(html) < 40 * MAX_CONTENT_CHARS


@pytest.mark.usefixtures("site")
def test_text_of_too_many_lines_is_plain() -> None:
    assert html_of("*a*\n" * markdown.MAX_LINES) == paragraphs_html("*a*\n" * markdown.MAX_LINES)
    assert "<em>" in html_of("*a*\n" * (markdown.MAX_LINES - 1))


@pytest.mark.usefixtures("site")
def test_links_and_emphases_beyond_their_number_are_text() -> None:
    assert html_of("http://a " * 400).count("<a") == markdown.MAX_ADDRESSES
    assert html_of("*a* " * 900).count("<em>") == markdown.MAX_EMPHASES / 2


@pytest.mark.usefixtures("site")
def test_eighty_brackets_without_an_end_keep_no_link_from_being_one() -> None:
    assert html_of("[ words, " * 80 + "[a](http://b.c)").endswith('<a href="http://b.c">a</a></p>')


def test_threads_share_the_parser(site: Flask) -> None:
    def render(number: int) -> str:
        with site.app_context():
            return rendered(f"*{number}* http://a.b/{number}").html

    markdown._parser.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        for number, html in enumerate(pool.map(render, range(200))):
            assert f"<em>{number}</em>" in html
            assert f'href="http://a.b/{number}"' in html


def test_serving_pages_imports_nothing_that_renders() -> None:
    code = "import sys, commentsite.comments.markup; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"markdown_it", "nh3", "commentsite.comments.markdown"} & set(names)


def test_mark_is_a_picture_of_its_own() -> None:
    marks = {hashlib.sha256(b"%d" % number).hexdigest()[:16] for number in range(2000)}
    pictures = {mark_svg(mark) for mark in marks}
    assert len(pictures) > len(marks) * 0.99
    assert max(map(len, pictures)) <= 180
    assert {int(hue) for picture in pictures for hue in re.findall(r"mark-(\d+)", picture)} == set(range(HUES))


def test_mark_is_mirrored() -> None:
    rows = (0b111, 0b100, 0b011, 0b000, 0b101)
    cells = sum(row << 3 * place for place, row in enumerate(rows))
    path = "M0 0h5M0 1h1M4 1h1M1 2h3M0 4h1M2 4h1M4 4h1"
    assert f'd="{path}"' in mark_svg("0000" + f"{cells:04x}" + "0" * 8)


def test_every_row_of_a_mark_is_mirrored() -> None:
    for bits, bars in enumerate(BARS):
        drawn = {place for begin, length in bars for place in range(begin, begin + length)}
        half = {place for place in range(3) if bits & 4 >> place}
        assert drawn == half | {4 - place for place in half}


@pytest.mark.parametrize("mark", [None, "", "0" * 15, "0" * 17, "G" * 16, '"><script>alert(1)'])
def test_what_is_no_mark_has_a_neutral_picture(mark: str | None) -> None:
    assert 'class="mark mark-none"' in mark_svg(mark)
    assert mark_svg(mark).count("<") == 3
