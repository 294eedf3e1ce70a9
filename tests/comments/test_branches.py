"""Long branches: pages of all their replies, and the way to a reply however deep it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsite.comments.models import Comment
from tests.factories import MOMENT, make_comment, make_comments, make_replies

from .pages import article, link, link_named, post, shown_ids, statements, text_of

DEEP = 10_000
SHAPES = ["chain", "fan"]


def parents(shape: str, count: int) -> list[int]:
    return list(range(-1, count - 1)) if shape == "chain" else [-1] * count


def walk(client: FlaskClient, address: str, rel: str) -> list[list[int]]:
    """Return the replies that each page shows from `address` on."""
    pages = []
    following: str | None = address
    while following:
        page = client.get(following).text
        pages.append(shown_ids(page)[1:])
        following = link(page, rel)
    return pages


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 50, 51, 100, 173])
def test_pages_of_a_branch_hold_every_reply_once(app: Flask, client: FlaskClient, shape: str, count: int) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, parents(shape, count))
    assert [n for page in walk(client, f"/comments/{root.id}/replies", "next") for n in page] == made


@pytest.mark.parametrize("shape", SHAPES)
def test_pages_of_a_branch_lead_back(app: Flask, client: FlaskClient, shape: str) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, parents(shape, 173))
    address = f"/comments/{root.id}/replies"
    last = client.get(address).text
    while link(last, "next"):
        last = client.get(link(last, "next") or "").text
    pages = walk(client, link(last, "prev") or "", "prev")
    assert pages[-1] == made[:50]
    assert sorted({number for page in pages for number in page} | set(shown_ids(last)[1:])) == made


def test_more_replies_go_on_where_the_page_stopped(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        made = make_replies(make_comment(), parents("fan", 70))
    address = link_named(client.get("/").text, "20 more replies")
    assert shown_ids(client.get(address).text)[1:] == made[50:]


def test_replies_of_different_branches_are_kept_apart(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        one, other = make_comment(), make_comment()
        of_one, _ = make_replies(one, [-1] * 60), make_replies(other, [-1] * 60)
    assert [n for page in walk(client, f"/comments/{one.id}/replies", "next") for n in page] == of_one


def test_replies_page_counts_and_leads_back(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        root = make_comment(thread="/blog", name="Ada")
        make_replies(root, [-1] * 3)
    page = client.get(f"/comments/{root.id}/replies").text
    assert "3 replies to Ada" in text_of(page)
    assert client.get(link_named(page, "Back to all comments")).location == f"/threads/blog#comment-{root.id}"


def test_replies_page_of_a_comment_without_replies_says_so(client: FlaskClient) -> None:
    post(client)
    assert "There are no replies" in client.get("/comments/1/replies").text


def test_replies_page_past_the_last_leads_back(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, [-1] * 60)
    page = client.get(f"/comments/{root.id}/replies?after={'z' * 56}").text
    assert "There are no more replies" in page
    assert shown_ids(client.get(link(page, "prev") or "").text)[1:] == made[10:]


def test_replies_page_before_the_first_shows_the_first(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, [-1] * 60)
    assert shown_ids(client.get(f"/comments/{root.id}/replies?before=0000002").text)[1:] == made[:50]


@pytest.mark.parametrize(
    "query",
    [
        "after=x%00",
        "after=A",
        "after=-1",
        "before=a_b",
        "after=" + "a" * 57,
        "after=a&before=b",
        "after=%FF",
        "before=é",
    ],
)
def test_replies_page_refuses_a_path_of_another_shape(client: FlaskClient, query: str) -> None:
    post(client)
    answer = client.get(f"/comments/1/replies?{query}")
    assert answer.status_code == 422
    assert "Begin at the first" in answer.text


@pytest.mark.parametrize("number", ["2", "0", "x", "9223372036854775808"])
def test_replies_page_of_no_such_comment_is_not_found(client: FlaskClient, number: str) -> None:
    post(client)
    assert client.get(f"/comments/{number}/replies").status_code == 404


def test_replies_page_of_a_reply_is_where_it_stands(client: FlaskClient) -> None:
    post(client)
    post(client, "reply", parent="1")
    answer = client.get("/comments/2/replies")
    assert (answer.status_code, answer.location) == (302, "/#comment-2")


def test_reply_whose_parent_is_on_another_page_links_to_it(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        root = make_comment()
        made = make_replies(root, parents("chain", 60))
    page = client.get(link_named(client.get("/").text, "10 more replies")).text
    address = link_named(article(page, made[50]), "Anonymous")
    assert f"/comments/{made[49]}" in address
    assert made[49] in shown_ids(client.get(client.get(address).location).text)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_permalink_of_every_comment_leads_to_a_page_that_has_it(app: Flask, client: FlaskClient, order: str) -> None:
    with app.app_context():
        before = make_comments(70)
        root = make_comment(posted=MOMENT + timedelta(hours=2))
        replies = make_replies(root, parents("fan", 70))
        after = make_comments(70, first=MOMENT + timedelta(hours=3))
    for number in (before[0], before[19], before[20], root.id, *replies[::23], replies[49], replies[50], after[-1]):
        answer = client.get(f"/comments/{number}?order={order}")
        assert answer.location.endswith(f"#comment-{number}")
        assert number in shown_ids(client.get(answer.location).text)


@pytest.fixture(params=SHAPES)
def deep(app: Flask, request: pytest.FixtureRequest) -> tuple[Comment, list[int]]:
    """A comment with ten thousand replies, each to the last or all to the comment."""
    with app.app_context():
        root = make_comment()
        return root, make_replies(root, parents(request.param, DEEP), apart=timedelta(0))


def test_permalink_into_a_deep_branch_leads_to_the_reply(client: FlaskClient, deep: tuple[Comment, list[int]]) -> None:
    for place in (0, 6, 7, 8, 49, 50, 51, 52, 53, 5000, DEEP - 1):
        number = deep[1][place]
        location = client.get(f"/comments/{number}").location
        assert number in shown_ids(client.get(location).text)


def test_first_page_of_a_deep_branch_says_how_many_are_more(
    app: Flask, client: FlaskClient, deep: tuple[Comment, list[int]]
) -> None:
    client.get("/threads")
    with statements(app) as seen:
        page = client.get("/").text
    assert f"{DEEP - 50} more replies" in page
    assert len(shown_ids(page)) == 51
    assert len(seen) <= 5
