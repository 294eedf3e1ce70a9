"""What the worst text costs to render, beside a comment as people write them.

    python -m benchmarks.markdown [--search 60]

All texts are of MAX_CONTENT_CHARS, pieces of Markdown and of code said over and over: those of UNITS, in the text and
in a block of each language, and for `--search` seconds others, made at random of ALPHABET. Processor time, the best
of five; a ratio is how many times the comment's it is. Images are switched on, as they come to more HTML.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator

from flask import Flask

from commentsite.comments.markdown import LANGUAGES
from commentsite.comments.markup import rendered
from commentsite.comments.models import MAX_CONTENT_CHARS

COMMENT = """I think *this* is right, see https://a.example/x for more.

> quoted words of somebody

And `code` in a line.

- one
- two
"""
UNITS = """[ ] ![ ]( [a]( []( ![]( [] [[] ][ [a][b] < <a <a@ <http: </a <!-- ` ``a `a`` `a` * ** _ *a a* _* *a_ *a* *a*b
*a**b **a** ***a*** & &a &amp; &# &#x > ~~~ \\ \\\\ \\[ ( () [a](b( [a](< [a](http://b) ![a](https://b)
![](https://b) [![a](https://b)](https://c) http://a http:// :// a:// http://a/( http://a/[ http://a/' www. www.a
www.a.b/( mailto: mailto:a@ a@a@ a. a- http://a. http://a-) http://a@ http://é \u0301 😀 <x> <http://a> <a@b.c> *http://a*
<<a \\" "\\ '\\ /* # { ${ a{ @ @a a: $ $a s{ 0. [1, {" "a": <a> <? {- ~s __END__ -- --[[""".split()  # noqa: SIM905
LINES = [
    "\n",
    "a\n",
    "x\n\n",
    "- a\n",
    "- - ",
    "> ",
    "> #\n",
    "#\n",
    "[\n",
    "[a]: http://x\n",
    "1. a\n   - b\n",
    "  \n",
]
LINES += [
    "    a\n",
    "a\n=\n",
    "```\n",
    "```js\na\n```\n",
    "*a ",
    "*a_ ",
    "http://a ",
    "http://a.b ",
    "www.a ",
    "a ",
    "\ta\n",
]
ALPHABET = [*"[]()!<>*_`&:/\\#-+>.a1 \"'@", "\n", "\t", "http://", "www.", "[a]", "](", "é"]
SHOWN = 12


def of_full_length(unit: str, *, before: str = "", after: str = "") -> str:
    """Return `unit` said over and over between two texts."""
    room = MAX_CONTENT_CHARS - len(before) - len(after)
    return before + (unit * (room // len(unit) + 1))[:room] + after


def texts() -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each unit, with each of some beginnings and ends."""
    for unit in [*UNITS, *LINES]:
        for before, after in (("", ""), ("a", ""), ("> ", ""), ("[", ""), ("", "]"), ("", ")")):
            yield f"{before!r} {unit!r} ... {after!r}", of_full_length(unit, before=before, after=after)


def code() -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each unit in each language, as much of it as is coloured."""
    for language, most in LANGUAGES.items():
        room = min(most, MAX_CONTENT_CHARS - 30)
        for unit in [*UNITS, *LINES]:
            lines = of_full_length(unit)[:room].split("\n")
            yield f"{language}: {unit!r}", f"~~~~~{language}\n{chr(10).join(lines[:390])}{''.join(lines[390:])}\n~~~~~"


def milliseconds(text: str, *, rounds: int = 1) -> tuple[float, int]:
    """Return the processor time of rendering `text`, the best of some rounds, and how long its HTML is."""
    best, length = float("inf"), 0
    for _ in range(rounds):
        begin = time.thread_time()
        length = len(rendered(text).html)
        best = min(best, time.thread_time() - begin)
    return best * 1000, length


def found_at_random(seconds: float) -> Iterator[tuple[str, str]]:
    """Yield a name and a text as long as the time lasts."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        unit = "".join(random.choices(ALPHABET, k=random.randint(1, 9)))  # noqa: S311 - nothing is kept secret by it
        yield f"{unit!r}", of_full_length(unit)


def print_worst(kind: str, named: Iterator[tuple[str, str]], comment_ms: float) -> None:
    """Print the texts that took the longest, and the one that came to the most HTML."""
    measured = [(*milliseconds(text), name, text) for name, text in named]
    longest = sorted(measured, key=lambda row: row[1])[-1:]
    for _, _, name, text in sorted(measured, reverse=True)[:SHOWN] + longest:
        best, length = milliseconds(text, rounds=5)
        cell = name.replace("|", "\\|")
        print(f"| {kind} | {cell} | {best:.1f} | {best / comment_ms:.0f} | {length:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.markdown", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--search", type=float, default=0, metavar="SECONDS", help="try texts made at random")
    options = parser.parse_args()
    app = Flask(__name__)
    app.config["MARKDOWN_IMAGES"] = True
    with app.app_context():
        rendered(COMMENT)
        comment_ms, length = milliseconds(COMMENT, rounds=50)
        print("| kind | text | ms | times a comment | characters of HTML |")
        print("|---|---|---|---|---|")
        print(f"| comment | {len(COMMENT)} characters | {comment_ms:.2f} | 1 | {length:,} |")
        print_worst("text", texts(), comment_ms)
        print_worst("code", code(), comment_ms)
        print_worst("random", found_at_random(options.search), comment_ms)


if __name__ == "__main__":
    main()
