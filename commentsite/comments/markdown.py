"""Markdown made into safe HTML.

CommonMark without raw HTML, with these differences: addresses are links, lines break where they were broken,
headings are paragraphs that the page's outline does not know, links lead to http, https and mailto alone, images
are links unless they are wanted, and what Markdown would leave out is shown as it was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from types import SimpleNamespace
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import escape
from nh3 import Cleaner

from ..errors import UNPRINTABLE
from .policy import INVISIBLE

# Where addresses may lead; there is no other address in a comment, also none within this site.
LINK = re.compile(r"(?:https?://[^/?#]|mailto:[^/?#])", re.ASCII | re.IGNORECASE)

# An address typed into a text ends before blanks, brackets, quotes and what other scripts have for them. It has
# a host and perhaps a port and a path; one with a user's name, which could pass for the host, is not linked.
_STOP = r"\s<>\[\]\"`\\\u00ab\u00bb\u2000-\u206f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65"
ADDRESS = re.compile(
    rf"(?![^\s/?#]{{0,64}}@)[^{_STOP}!#-,/:-@^_{{-~.-][^{_STOP}!#-,/:-@^_{{-~]*(?::[0-9]{{1,5}})?(?:[/?#][^{_STOP}]*)?"
)
SCHEME = re.compile(r"(?:^|[^a-z0-9+.-])(https?)$", re.ASCII | re.IGNORECASE)
WWW = re.compile(rf"(?<![\w@./:=-])[Ww]{{3}}\.(?={ADDRESS.pattern})")
AFTER_ADDRESS = ".,:;!?'*_~"

# Most comments are prose: nothing in a line can be Markdown, and each line begins with a letter, or one in quotes.
MARK = re.compile(r"[\\`*_\[\]<>&]|://|[Ww]{3}\.|[^\S\n ]")
_LINE = r"[\"'(“‘«]?[^\W\d_].*(?<! )"
LINES = re.compile(rf"{_LINE}(?:\n+{_LINE})*")

# What costs time is read as Markdown up to many times of what people write, and then shown as it was typed.
MAX_NESTING = 20
MAX_LINES = 400
MAX_ADDRESSES = 100
MAX_EMPHASES = 1000
MAX_LABEL_TOKENS = 20_000

# The languages that code is coloured in, by Pygments' names for them, and how many characters of one a text may have:
# some lexers take the square of the length, so each has what it does in 50 ms (see benchmarks/markdown.py).
# A language is never guessed.
LANGUAGES = {
    **dict.fromkeys(["bash", "sh", "shell", "zsh", "diff", "udiff", "docker", "dockerfile", "json", "latex"], 4096),
    **dict.fromkeys(["tex", "nginx", "php", "pytb", "sql", "toml"], 4096),
    **dict.fromkeys(["css", "elixir", "ex", "go", "golang", "haskell", "hs", "html", "ini", "cfg"], 1500),
    **dict.fromkeys(["javascript", "js", "kotlin", "lua", "powershell", "ps1", "py", "python", "python3"], 1500),
    **dict.fromkeys(["r", "rb", "ruby", "rs", "rust", "scala", "swift", "xml", "yaml", "yml"], 1500),
    **dict.fromkeys(["c", "c++", "cpp", "c#", "cs", "csharp", "java", "make", "makefile", "perl", "pl"], 500),
    **dict.fromkeys(["ts", "typescript"], 500),
}
# Pygments' short names of its kinds of token; a kind that is not here has the class of the kind above it, if any.
TOKEN_CLASSES = {
    "Token.Comment": "c",
    "Token.Comment.Preproc": "cp",
    "Token.Keyword": "k",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "m",
    "Token.Name.Attribute": "na",
    "Token.Name.Builtin": "nb",
    "Token.Name.Class": "nc",
    "Token.Name.Decorator": "nd",
    "Token.Name.Function": "nf",
    "Token.Name.Tag": "nt",
    "Token.Operator.Word": "k",
    "Token.Generic.Deleted": "gd",
    "Token.Generic.Heading": "gh",
    "Token.Generic.Inserted": "gi",
    "Token.Generic.Prompt": "gp",
    "Token.Generic.Subheading": "gh",
}

TAGS = {"a", "blockquote", "br", "code", "em", "hr", "img", "li", "ol", "p", "pre", "span", "strong", "ul"}
ATTRIBUTES = {"a": {"href", "title"}, "img": {"alt", "loading", "referrerpolicy", "src", "title"}, "ol": {"start"}}
DIRECTIONS = {"p": "auto", "blockquote": "auto", "ol": "auto", "ul": "auto", "pre": "ltr", "code": "ltr"}

LINK_REL = "nofollow ugc noopener"


def markdown_html(text: str, *, with_images: bool, with_colours: bool) -> str | None:
    """Return the HTML of `text`; None where it would show nothing, or less than was typed, or cost too much.

    `with_images` shows those of https, `with_colours` colours code by Pygments, which must be there.
    """
    if text.count("\n") >= MAX_LINES:
        return None
    html = _prose_html(text) if _is_prose(text) else _parsed_html(text, with_images, with_colours)
    return html and UNPRINTABLE.sub("", _cleaner().clean(html).strip())


def _is_prose(text: str) -> bool:
    """Say whether all that Markdown can find in `text` are its paragraphs and the ends of its lines."""
    return not MARK.search(text) and LINES.fullmatch(text) is not None and any(map(_is_visible, text))


def _prose_html(text: str) -> str:
    """Return what the parser makes of prose too, but takes ten times as long for."""
    paragraphs = re.split("\n\n+", str(escape(text)))
    return "\n".join('<p dir="auto">' + paragraph.replace("\n", "<br>") + "</p>" for paragraph in paragraphs)


def _parsed_html(text: str, with_images: bool, with_colours: bool) -> str | None:
    for has_definitions in (True, False):
        parser = _parser(has_definitions)
        env = {"with_images": with_images, "with_colours": with_colours, "tries": Counter(), "coloured": 0.0}
        tokens = parser.parse(text, env)
        if not has_definitions or _uses_definitions(tokens, env):
            break
    if not _shows_all(tokens):
        return None
    return str(parser.renderer.render(tokens, parser.options, env))


def _uses_definitions(tokens: Sequence[Token], env: EnvType) -> bool:
    """Say whether every definition of a link (`[1]: https://...`) is used, as those that are not would be left out."""
    used = {child.meta.get("label") for token in tokens for child in token.children or []}
    return not env.get("duplicate_refs") and env.get("references", {}).keys() <= used


def _shows_all(tokens: Sequence[Token]) -> bool:
    """Say whether there is something to see, and nothing beyond MAX_NESTING, where the parser leaves out the rest."""
    is_deep = any(token.level >= MAX_NESTING - 1 and token.nesting == 1 for token in tokens)
    return not is_deep and any(_shows(token.children or [token]) for token in tokens)


def _shows(tokens: Iterable[Token]) -> bool:
    """Say whether there is something to see in the tokens, which are shown each by itself."""
    return any(
        token.type == "image" or (token.type != "inline" and any(map(_is_visible, token.content))) for token in tokens
    )


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "ZC" and not INVISIBLE.match(character)


@cache
def _parser(has_definitions: bool) -> MarkdownIt:
    """Return a parser, made once and then shared by all threads."""
    options = {"html": False, "breaks": True, "maxNesting": MAX_NESTING, "store_labels": True}
    parser = MarkdownIt("commonmark", options)
    if not has_definitions:
        parser.disable("reference")
    parser.validateLink = _is_link  # type: ignore[method-assign]
    # An address is shown as it was typed: decoded, it could be made to look like another.
    parser.normalizeLinkText = str  # type: ignore[method-assign,assignment]
    _limit_labels(parser)
    parser.inline.ruler.at("emphasis", _limited(emphasis.tokenize, MAX_EMPHASES, "*_"))
    parser.inline.ruler.before("link", "address", _limited(_link_address, MAX_ADDRESSES, ":"))
    parser.core.ruler.push("shape", _shape)
    for kind in ("fence", "code_block"):
        parser.add_render_rule(kind, _code_html)
    for kind in ("softbreak", "hardbreak"):  # no line break beside it, so that a style sheet may keep blanks
        parser.add_render_rule(kind, lambda *_: "<br>")
    # Its tables are made with the first text, and threads must not meet in that.
    parser.render("*a*", {"with_images": False, "tries": Counter()})
    return parser


def _is_link(url: str) -> bool:
    return LINK.match(url) is not None


def _link_address(state: StateInline, silent: bool) -> bool:
    """Link an address typed into the text, at the colon of its scheme: before emphasis is looked for in it."""
    scheme = SCHEME.search(state.src[max(0, state.pos - 6) : state.pos])
    if state.linkLevel or scheme is None or not state.src.startswith("://", state.pos):
        return False
    end = _address_end(state.src, state.pos + 3)
    if not end:
        return False
    if not silent:
        typed = state.src[state.pos - len(scheme[1]) : end]
        state.pending = state.pending[: -len(scheme[1])]
        for token in _link(_opening(state.md.normalizeLink(typed)), _text(typed)):
            state.push(token.type, token.tag, token.nesting)
            state.tokens[-1].attrs, state.tokens[-1].content = token.attrs, token.content
    state.pos = end
    return True


def _address_end(text: str, start: int) -> int:
    """Return where the address whose host is at `start` ends, without the sentence's own marks; 0 if there is none."""
    found = ADDRESS.match(text, start)
    if found is None:
        return 0
    address = found.group()
    for _ in range(len(address)):
        kept = address.rstrip(AFTER_ADDRESS)
        if kept.endswith(")") and kept.count(")") > kept.count("("):
            kept = kept[:-1]
        if kept == address:
            break
        address = kept
    return start + len(address)


def _with_www(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, what begins with www. linked; another name without a scheme is a word (main.py)."""
    position = 0
    for found in WWW.finditer(text):
        if found.start() < position:
            continue
        end = _address_end(text, found.end())
        yield _text(text[position : found.start()])
        typed = text[found.start() : end]
        yield from _link(_opening(f"http://{typed}"), _text(typed))
        position = end
    yield _text(text[position:])


def _limit_labels(parser: MarkdownIt) -> None:
    """Have the parser look for the ends of labels, `[` to `]`, until it passed MAX_LABEL_TOKENS in a text.

    Each bracket that has no end looks through the rest of its paragraph.
    """
    skip_token, parse_label = parser.inline.skipToken, parser.helpers.parseLinkLabel

    def counted(state: StateInline) -> None:
        state.env["tries"]["label"] += 1
        skip_token(state)

    def limited(state: StateInline, start: int, is_flat: bool = False) -> int:
        if state.env["tries"]["label"] >= MAX_LABEL_TOKENS or state.src.find("]", start) < 0:
            return -1
        state.env["tries"]["label"] += 40  # for what is tried after it, an address and a title
        return int(parse_label(state, start, is_flat))

    parser.inline.skipToken = counted  # type: ignore[method-assign]
    parser.helpers = SimpleNamespace(**{**vars(parser.helpers), "parseLinkLabel": limited})  # type: ignore[assignment]


def _limited(rule: Callable[..., bool], most: int, first: str) -> Callable[..., bool]:
    """Return an inline rule that is tried `most` times in a text, where one of the characters `first` is."""

    def limited(state: StateInline, silent: bool) -> bool:
        if state.src[state.pos] not in first or state.env["tries"][rule] >= most:
            return False
        state.env["tries"][rule] += 1
        return rule(state, silent)

    return limited


@cache
def _cleaner() -> Cleaner:
    """Return what every rendered text goes through; nothing in it can look like or reach a control of the page."""
    return Cleaner(
        tags=TAGS,
        clean_content_tags=set(),
        attributes=ATTRIBUTES,
        tag_attribute_values={tag: {"dir": {value}} for tag, value in DIRECTIONS.items()},
        allowed_classes={"p": {"heading"}, "span": set(TOKEN_CLASSES.values())},
        link_rel=LINK_REL,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
    )


def _shape(state: StateCore) -> None:
    """Make of the tokens what we show: no headings that the page's outline would count, no empty links."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
        if token.type == "heading_open":
            token.attrSet("class", "heading")
        # The outermost block looks at all of its text; with a direction of its own a block in it would not count.
        if token.level == 0 and token.nesting == 1:
            token.attrSet("dir", "auto")
        if token.children:
            token.children = list(_shaped_inline(token.children, with_images=state.env["with_images"]))


def _shaped_inline(children: Sequence[Token], *, with_images: bool) -> Iterator[Token]:
    """Yield the tokens of a line: images as links unless they are wanted, no link in a link and none that is empty."""
    link: list[Token] = []
    depth = 0
    for token in children:
        depth += (token.type == "link_open") - (token.type == "link_close")
        if token.type == "link_open":
            link = link or [token]
        elif token.type == "link_close":
            if not depth:
                yield from _link(*link)
                link = []
        elif link:
            link += _shaped_token(token, in_link=True, with_images=with_images)
        else:
            yield from _shaped_token(token, in_link=False, with_images=with_images)


def _shaped_token(token: Token, *, in_link: bool, with_images: bool) -> Iterable[Token]:
    """Return what we show for a token that is no link: an image is one of https, or a link to it by its words."""
    if token.type == "code_inline":
        token.attrSet("dir", "ltr")
    if token.type == "text" and not in_link:
        return _with_www(token.content)
    if token.type != "image":
        return [token]
    src = str(token.attrs["src"])
    if with_images and src.lower().startswith("https://"):
        token.attrs |= {"loading": "lazy", "referrerpolicy": "no-referrer"}
        return [token]
    opening = _opening(src, **{name: value for name, value in token.attrs.items() if name == "title"})
    opening.info = "!"
    words = _text("".join(_words(token.children or [])))
    words.meta = token.meta
    link = _link(opening, words)
    return link[1:-1] if in_link and src else link


def _link(opening: Token, *words: Token) -> list[Token]:
    """Return the tokens of a link, which shows the address where the words show nothing.

    The parser takes `[words]()` for a link that leads nowhere: it is shown as it was typed.
    """
    href = str(opening.attrs["href"])
    if not href:
        title = f' "{opening.attrs["title"]}"' if "title" in opening.attrs else ""
        return [_text(f"{opening.info}["), *words, _text(f"]({title})")]
    shown = words if _shows(words) else [*words, _text(href)]
    return [opening, *shown, Token("link_close", "a", -1)]


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    """Yield the text of tokens, and of those in them, without what marks it up."""
    for token in tokens:
        yield from (
            _words(token.children) if token.children else [" " if token.type.endswith("break") else token.content]
        )


def _opening(href: str, **attributes: Any) -> Token:
    return Token("link_open", "a", 1, attrs={"href": href, **attributes})


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _code_html(_: RendererHTML, tokens: Sequence[Token], position: int, options: OptionsDict, env: EnvType) -> str:
    """Return a block of code, coloured where its language is named and known."""
    token = tokens[position]
    language = token.info.split(maxsplit=1)[0].lower() if token.info.strip() else ""
    share = len(token.content) / LANGUAGES[language] if env["with_colours"] and language in LANGUAGES else 2
    is_coloured = env["coloured"] + share <= 1
    env["coloured"] += share * is_coloured
    html = _coloured_html(token.content, language) if is_coloured else escape(token.content)
    return f'<pre dir="ltr"><code>{html}</code></pre>\n'


def _coloured_html(code: str, language: str) -> str:
    """Return `code` with its tokens in spans."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # an extra

    lexer = get_lexer_by_name(language, stripnl=False)
    runs = groupby(lexer.get_tokens(code), lambda token: _token_class(token[0]))
    spans = [(name, escape("".join(value for _, value in run))) for name, run in runs]
    return "".join(f'<span class="{name}">{value}</span>' if name else value for name, value in spans)


@cache
def _token_class(kind: Any) -> str | None:
    name = TOKEN_CLASSES.get(str(kind))
    return name or (_token_class(kind.parent) if kind.parent else None)
