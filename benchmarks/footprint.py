"""Tables of what is not a rate: the time until a started server answers, and what a browser has to fetch."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from commentsite.db import db
from commentsite.keyset import PAGE_SIZE

from .data import make_app
from .load import get
from .runs import FEW, Run, check_ids, say
from .servers import Server
from .tables import Row, Table, at_most

START_GOAL = 1.15
HTML_GOAL, HTML_AND_CSS_GOAL, SCRIPT_GOAL = 8 * 1024, 12 * 1024, 6 * 1024
REQUESTS_GOAL = 2
GZIP_LEVEL = 6
LINK = re.compile(r"<link\b[^>]*>")
SOURCE = re.compile(r'<(script|img|iframe)\b[^>]*\bsrc="([^"]+)"')


def start(run: Run) -> Iterator[Table]:
    """Measure the time from the start of a server process to its first page."""
    if "sqlite" not in run.database_kinds:
        return
    data = run.site("sqlite", run.many)
    rows = []
    for kind in run.server_kinds:
        say(f"starts of {kind}")
        taken: tuple[list[float], list[float]] = [], []
        for round_ in run.numbers():
            with run.servers() as servers:
                of_site = _seconds_to_page(servers.site(kind, data))
            with run.servers() as servers:
                of_tutorial = _seconds_to_page(run.start_tutorial(servers, kind, "sqlite"))
            if round_ >= 0:
                taken[0].append(of_site)
                taken[1].append(of_tutorial)
        goal = at_most(START_GOAL) if kind == "gunicorn" else None
        rows.append(Row(f"{kind}, {run.many:,} comments, beside the tutorial's at {FEW}", *taken, goal))
    yield Table("From exec to the first page, s, SQLite", rows)


def _seconds_to_page(server: Server) -> float:
    answer = get(server.wait().port, "/")
    took = time.perf_counter() - server.started
    if answer.status != 200:
        raise AssertionError(f"the first page: {answer.status}")
    return took


def weight(run: Run) -> Iterator[Table]:
    """Weigh a page of PAGE_SIZE comments of real prose, and what it makes a browser fetch."""
    if "sqlite" not in run.database_kinds:
        return
    app = make_app(run.site("sqlite", FEW))
    client = app.test_client()
    html = client.get("/threads/prose").get_data(as_text=True)
    first_id = 1 + 3 * FEW
    check_ids("/threads/prose", html.encode(), range(first_id + PAGE_SIZE - 1, first_id - 1, -1))
    page = _compressed_bytes(client, "/threads/prose")
    styles, icons = _links(html, "stylesheet"), _links(html, "icon")
    sources = SOURCE.findall(html)
    scripts = [source for element, source in sources if element == "script"]
    others = [source for element, source in sources if element != "script"]
    css = sum(_compressed_bytes(client, path) for path in styles)
    script = sum(_compressed_bytes(client, path) for path in scripts)
    requests = 1 + len(styles) + len(others)
    with app.app_context():
        db.engine.dispose()
    rows = [
        Row("the page, plain", [len(html.encode())]),
        Row(f"the page, gzip{_by(client)}", [page], goal=at_most(HTML_GOAL)),
        Row("the page and its style, gzip", [page + css], goal=at_most(HTML_AND_CSS_GOAL)),
        Row("its script, gzip", [script], goal=at_most(SCRIPT_GOAL)),
        Row("requests without script, the icon apart", [requests], goal=at_most(REQUESTS_GOAL)),
        Row("icons that the page names, of which a browser fetches one", [len(icons)]),
    ]
    yield Table(f"A page of {PAGE_SIZE} comments of real prose, bytes", rows)


def _links(html: str, relation: str) -> list[str]:
    """Return the addresses of the links of a relation, without those that hold what they link to."""
    found = [link for link in LINK.findall(html) if f'rel="{relation}"' in link]
    addresses = [re.findall(r'href="([^"]+)"', link)[0] for link in found]
    return [address for address in addresses if not address.startswith("data:")]


def _compressed_bytes(client: FlaskClient, path: str) -> int:
    """Return the size of an answer as a browser gets it; what is sent plain is taken as a proxy would compress it."""
    address = urlsplit(path)
    answer = client.get(f"{address.path}?{address.query}", headers={"Accept-Encoding": "gzip"})
    if answer.status_code != 200:
        raise AssertionError(f"{path}: {answer.status_code}")
    is_compressed = answer.headers.get("Content-Encoding") == "gzip"
    return len(answer.data) if is_compressed else len(gzip.compress(answer.data, GZIP_LEVEL))


def _by(client: FlaskClient) -> str:
    answer = client.get("/threads/prose", headers={"Accept-Encoding": "gzip"})
    return "" if answer.headers.get("Content-Encoding") else " (by a proxy: the site sends it plain)"
