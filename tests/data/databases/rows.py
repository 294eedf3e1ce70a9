"""Awkward rows for the tables of any revision: what is easily lost or changed on the way to a new schema.

A column that a revision does not have yet is left out of its rows, and so are the rows that only it makes sense of.
"""

from __future__ import annotations

from typing import Any

from commentsite.comments.policy import path_below

Row = dict[str, Any]

CHAIN = 300
FIRST_OF_CHAIN = 1001

# Two clocks are set back, or forward, around these; two comments at one moment, and to the microsecond.
TIMES = [
    "2026-03-29 00:59:59.999999",
    "2026-03-29 01:00:00.000000",
    "2026-03-29 01:00:00.000001",
    "2026-10-25 00:30:00.000000",
    "2026-10-25 01:30:00.000000",
    "2026-10-25 01:30:00.000000",
    "2026-11-01 05:59:59.999999",
    "2026-11-01 06:00:00.000000",
    "1969-12-31 23:59:59.999999",
    "9999-12-31 23:59:59.999999",
]
CONTENTS = [
    "first",
    None,
    "",
    "🎈" * 4096,
    "x" * 4096,
    " blanks around ",
    "two\nlines\r\n\r\nand a paragraph\ttab",
    "\\' \" `; -- % %s :name ?",
    "👩‍👩‍👧 \u202eabc e\u0301 é",
    "<script>alert(1)</script> & &amp;",
    "語Ω≈ç√ \ufeff\u200b",
]
# Equal to each other in one collation or another.
NAMES = [None, "", "Ann", "ann", "Ann ", " Ann", "ANN", "Änn", "A\u0308nn", "🎈" * 80, "🐘"]
KEYS = ["/Blog", "/blog", "/blog/", "/blög", "/blo\u0308g", "/🎈", "/🐘", "/" + "k" * 499]


def rows_of(tables: dict[str, set[str]]) -> dict[str, list[Row]]:
    """Return the rows for each of `tables`, given by the names of their columns."""
    columns = tables["comments"]
    comments = [*odd_comments(columns), *(chain() if "path" in columns else [])]
    if "deleted" in columns:
        comments += edited_comments()
    found = {"comments": comments}
    if "threads" in tables:
        found["threads"] = threads(comments)
    if "comment_versions" in tables:
        found["comment_versions"] = versions()
    return {
        name: [{column: value for column, value in row.items() if column in tables[name]} for row in table]
        for name, table in found.items()
    }


def odd_comments(columns: set[str]) -> list[Row]:
    """Return comments of every content, name, time and thread. Before 0004 a comment could be without a time."""
    made = []
    for n, content in enumerate(CONTENTS):
        made.append(
            {
                "id": 3 * n + 1,
                "content": content,
                "posted": TIMES[n % len(TIMES)],
                "thread_id": 1 + n % (1 + len(KEYS)) if "thread_id" in columns else None,
                "post_key": f"{n:032x}" if n % 2 else None,
                "post_key_shifted": f"{n + 100:032x}" if n % 2 else None,
                "name": NAMES[n],
                "email": None if n % 3 else f"{'a' * 200}{n}@example.test",
                "website": None if n % 3 else f"https://example.test/{n}?a=1&b=🎈",
                "mark": None if n % 2 else f"mark{n}",
                "content_html": None if n % 4 else f"<p>an older renderer {n} 🎈</p>",
                "renderer": None if n % 4 else "plain-1",
                "head_html": None if n % 4 else f"<b>{n}</b>",
                "look": None if n % 4 else "older",
            }
        )
    return made


def chain() -> list[Row]:
    """Return a comment and replies, each to the one before, CHAIN deep, posted a second apart."""
    made: list[Row] = []
    for n in range(CHAIN + 1):
        number = FIRST_OF_CHAIN + n
        posted = f"2026-05-01 12:{n // 60:02d}:{n % 60:02d}.000000"
        row: Row = {"id": number, "content": f"depth {n}", "posted": posted, "thread_id": 2, "reply_count": 0}
        row |= {"parent_id": None, "root_id": None, "path": None, "name": NAMES[n % len(NAMES)]}
        if n == 0:
            row["reply_count"] = CHAIN
        else:
            row |= {"parent_id": number - 1, "root_id": FIRST_OF_CHAIN}
            row["path"] = path_below(made[-1]["path"], number)
        made.append(row)
    return made


def edited_comments() -> list[Row]:
    """Return a comment that was edited twice, and one that was deleted and is kept for its reply."""
    thread: Row = {"thread_id": 3, "reply_count": 0}
    edited: Row = {"id": 2001, "content": "edited 🎈", "posted": TIMES[3], "revision": 3, "edited": TIMES[5]}
    deleted: Row = {"id": 2002, "content": None, "posted": TIMES[4], "revision": 2, "deleted": TIMES[7]}
    below: Row = {"parent_id": 2002, "root_id": 2002, "path": path_below(None, 2003)}
    reply: Row = {"id": 2003, "content": "reply to the deleted", "posted": TIMES[6], **thread, **below}
    return [{**thread, **edited}, {**thread, **deleted, "reply_count": 1}, reply]


def versions() -> list[Row]:
    return [
        {"id": 5, "comment_id": 2001, "revision": 1, "content": "🎈" * 4096, "written": TIMES[3]},
        {"id": 6, "comment_id": 2001, "revision": 2, "content": None, "written": TIMES[4]},
    ]


def threads(comments: list[Row]) -> list[Row]:
    """Return the threads of `comments`, which count those that are not deleted, and one without any."""
    made = []
    for number, key in enumerate(["/", *KEYS, "/empty"], 1):
        times = [row["posted"] for row in comments if row["thread_id"] == number and not row.get("deleted")]
        latest = max(times, default=None)
        row: Row = {"id": number, "key": key, "comment_count": len(times), "version": number * 7, "latest": latest}
        made.append(row | {"closed": TIMES[7] if number % 4 == 0 else None})
    return made
