"""Eight clients at once on every server that docs/deployment.md names, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from .clients import CLIENTS, OWN_POSTS, SHARED_POSTS, comments, post_together
from .processes import HEADINGS, Server, documented

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("name", HEADINGS)
def test_posts_of_eight_clients_are_there_once(
    name: str, settings: dict[str, str], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with Server(documented(name), tmp_path, settings) as server:
        posts = post_together(server.port)
        found = comments(server.port)
    record_property("posts", len(posts))
    record_property("stored", len(found))
    assert Counter(post.status for post in posts) == {303: CLIENTS * (OWN_POSTS + SHARED_POSTS)}
    assert Counter(text for _, text in found) == Counter({post.content for post in posts})
    assert {(post.comment_id, post.content) for post in posts} == set(found)
    assert "Traceback" not in server.log
