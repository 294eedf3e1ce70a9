"""A site and its backup, for the tests of restoring."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.factories import make_comment

from .copies import backed_up


@pytest.fixture
def backup(app: Flask, tmp_path: Path) -> Path:
    """A backup of the site with one comment, which then gets another."""
    with app.app_context():
        make_comment("In the backup", email="a@example.org")
        path = backed_up(app, tmp_path / "x.zip")
        make_comment("After the backup")
    return path
