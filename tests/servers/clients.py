"""Clients: requests over a real socket, eight posters at once, and a reader that follows the links."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from urllib.parse import urlencode

CLIENTS = 8
OWN_POSTS = 25
SHARED_POSTS = 5
ANSWER_SECONDS = 60
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "a test"}

ARTICLE = re.compile(r'<article id="comment-(\d+)".*?<div class="comment-text">(.*?)</div>', re.DOTALL)
NEXT = re.compile(r'<link rel="next" href="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: str


@dataclass(frozen=True)
class Post:
    """A text that was sent, and the page and place where the answer said that it now stands."""

    content: str
    status: int
    location: str

    @property
    def comment_id(self) -> int:
        return int(self.location.rpartition("#comment-")[2])


def ask(
    port: int, method: str, path: str, body: Iterable[bytes] = (), headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own. Where the server stops reading, what it answered is read."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)) as connection:
        connection.putrequest(method, path)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for part in body:
                connection.send(part)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read().decode("utf-8"))


def post_body(port: int, body: bytes, **headers: str) -> Answer:
    length = {"Content-Length": str(len(body))}
    return ask(port, "POST", "/", [body], {**FORM, **length, **headers})


def post_chunks(port: int, *chunks: bytes) -> Answer:
    body = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b"")]
    return ask(port, "POST", "/", body, {**FORM, "Transfer-Encoding": "chunked"})


def post(port: int, content: str, *, forwarded_for: str | None = None) -> Post:
    """Post a comment, through a proxy that names the client's address if one is given."""
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    answer = post_body(port, urlencode({"content": content}).encode(), **headers)
    return Post(content, answer.status, answer.headers.get("Location", ""))


def post_together(port: int) -> list[Post]:
    """Have CLIENTS clients post at once, some texts by two of them at the same moment; return every post."""
    start = threading.Barrier(CLIENTS)
    pairs = [threading.Barrier(2) for _ in range(CLIENTS // 2)]

    def run(client: int) -> list[Post]:
        start.wait(ANSWER_SECONDS)
        posts = []
        for number in range(OWN_POSTS):
            posts.append(post(port, f"client {client} comment {number}"))
            if number % (OWN_POSTS // SHARED_POSTS) == 0:
                pairs[client // 2].wait(ANSWER_SECONDS)
                posts.append(post(port, f"pair {client // 2} comment {number}"))
        return posts

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for posts in pool.map(run, range(CLIENTS)) for each in posts]


def comments(port: int) -> list[tuple[int, str]]:
    """Return id and text of every comment, from the newest page along its links to the oldest."""
    found: list[tuple[int, str]] = []
    path: str | None = "/"
    while path:
        answer = ask(port, "GET", path)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}\n{answer.body}")
        found += [(int(number), _text(text)) for number, text in ARTICLE.findall(answer.body)]
        older = NEXT.search(answer.body)
        path = html.unescape(older[1]) if older else None
    return found


def texts(port: int) -> list[str]:
    """Return the text of every comment, newest first."""
    return [text for _, text in comments(port)]


def _text(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()
