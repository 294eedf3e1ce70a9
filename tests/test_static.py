"""What a page makes a browser fetch: no more bytes than it needs, and those of the files minified, not changed."""

from __future__ import annotations

import gzip
import hashlib
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsite.config import PACKAGE_DIR
from commentsite.keyset import PAGE_SIZE
from commentsite.minify import minified_script, minified_style
from tests.factories import make_comment

GZIP = {"Accept-Encoding": "gzip"}
# With what another zlib may make of them.
MOST_PAGE_BYTES = 2780
MOST_STYLE_BYTES = 3750
MOST_SCRIPT_BYTES = 3850


def address_of(client: FlaskClient, name: str) -> str:
    found: list[str] = re.findall(rf'"(/static/{name}\?v=[^"]+)"', client.get("/").text)
    return found[0]


def test_page_around_its_texts_is_small(app: Flask) -> None:
    with app.app_context():
        for n in range(PAGE_SIZE):
            make_comment(f"{n}", name=f"Writer {n}", mark=hashlib.sha256(b"%d" % (n // 2)).hexdigest()[:16])
    page = app.test_client().get("/", headers=GZIP)
    assert gzip.decompress(page.data).count(b"<article") == PAGE_SIZE
    assert len(page.data) < MOST_PAGE_BYTES


@pytest.mark.parametrize(("name", "most"), [("site.css", MOST_STYLE_BYTES), ("site.js", MOST_SCRIPT_BYTES)])
def test_style_and_script_are_small(client: FlaskClient, name: str, most: int) -> None:
    assert len(client.get(address_of(client, name), headers=GZIP).data) < most


@pytest.mark.parametrize("name", ["site.css", "site.js"])
def test_file_is_sent_as_it_is_where_nobody_asked_for_its_edition(client: FlaskClient, name: str) -> None:
    source = (PACKAGE_DIR / "static" / name).read_bytes()
    plain, minified = (client.get(address, buffered=True) for address in (f"/static/{name}", address_of(client, name)))
    assert plain.data == source
    assert minified.data != source
    assert plain.headers["ETag"] != minified.headers["ETag"]  # they are not parts of one another
    assert "Accept-Ranges" not in minified.headers
    assert minified.mimetype == plain.mimetype


def test_picture_is_sent_as_it_is(client: FlaskClient) -> None:
    assert client.get(address_of(client, "favicon.svg")).data == (PACKAGE_DIR / "static" / "favicon.svg").read_bytes()


@pytest.mark.parametrize(
    ("source", "minified"),
    [
        ("/* a; */\n\n.a,\n.b > .c :is(p, li) {\n  d: e;\n}\n", ".a,.b > .c :is(p,li){d:e}"),
        ("a { /* b */ c: 1px  2px;\n  /* d */ e: f !important; }\n", "a{c:1px  2px;e:f !important}"),
        ('a::before { content: "{ /* x */ ; }" / ""; }', 'a::before{content:"{ /* x */ ; }" / ""}'),
        ("@media (min-width: 1rem) {\n  a { b: calc(1px + 2%); }\n}\n", "@media (min-width:1rem){a{b:calc(1px + 2%)}}"),
        ("a { b: '{ /* \\' ; }', \"x, \\\" ; }\" ; }", "a{b:'{ /* \\' ; }',\"x, \\\" ; }\" }"),
        ("a :hover{b:c}", "a :hover{b:c}"),
    ],
)
def test_minified_style_says_the_same(source: str, minified: str) -> None:
    assert minified_style(source) == minified


@pytest.mark.parametrize(
    ("source", "minified"),
    [
        ("// a\n// b\n\nlet c = 1; // d\n", "let c = 1; // d\n"),
        ('/** a\n * b();\n */\nfunction c() {\n  return "// d";\n}\n', 'function c() {\nreturn "// d";\n}\n'),
        ("/** a */\nb();\n/** c */\nd();\n", "b();\nd();\n"),
        ("/* a */ b();\n/* c */\n", "/* a */ b();\n"),
        ('a("http://b");\n  /c\\/\\/d/.test(e);\n', 'a("http://b");\n/c\\/\\/d/.test(e);\n'),
    ],
)
def test_minified_script_does_the_same(source: str, minified: str) -> None:
    assert minified_script(source) == minified


def test_script_has_no_string_of_several_lines() -> None:
    script = (PACKAGE_DIR / "static" / "site.js").read_text("utf-8")
    assert all(line.count("`") % 2 == 0 for line in minified_script(script).splitlines())
