"""The site with the setting that is often advised for SQLite in WAL mode, and that loses comments: a control."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from commentsite.db import db
from wsgi import application


def _be_careless(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")


with application.app_context():
    event.listen(db.engine, "connect", _be_careless)
