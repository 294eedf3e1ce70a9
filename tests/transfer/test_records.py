"""The records of upgrades: which backup a rollback goes back to."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from commentsite.transfer import records
from commentsite.transfer.records import BEGUN, ENDED, TAKEN_BACK, Record


def written(folder: Path, *events: tuple[str, str]) -> None:
    """Write records of events and the numbers of their backups."""
    for event, backup in events:
        assert records.add(folder, Record(event, "then", "this", backup, "0010", "0017", f"1.{backup}"))


def newest(folder: Path, *, may_be_parts: bool = True) -> str | None:
    found = records.newest(folder, "this", may_be_parts=may_be_parts)
    return found.backup if found else None


def test_newest_of_none_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") is None


def test_newest_is_the_last_that_began(tmp_path: Path) -> None:
    written(tmp_path, (BEGUN, "1"), (ENDED, "1"), (BEGUN, "2"))
    assert newest(tmp_path) == "2"


@pytest.mark.parametrize(("may_be_parts", "backup"), [(True, "1"), (False, "2")])
def test_upgrade_that_went_on_with_another_goes_back_before_both(
    tmp_path: Path, may_be_parts: bool, backup: str
) -> None:
    written(tmp_path, (BEGUN, "1"), (BEGUN, "2"), (ENDED, "2"))
    assert newest(tmp_path, may_be_parts=may_be_parts) == backup


def test_what_was_taken_back_is_not_taken_back_again(tmp_path: Path) -> None:
    written(tmp_path, (BEGUN, "1"), (ENDED, "1"), (TAKEN_BACK, "1"))
    assert newest(tmp_path) is None


def test_program_is_the_one_that_brought_the_schema(tmp_path: Path) -> None:
    written(tmp_path, (BEGUN, "1"), (ENDED, "1"))
    assert records.program_at(tmp_path, "this", "0017") == "1.1"
    assert records.program_at(tmp_path, "this", "0010") is None


@pytest.mark.parametrize("line", ["", "{", "[]", '{"event": "begun"}', "null", "é" * 1000, '{"a": ' * 100_000])
def test_lines_that_are_none_are_passed_over(tmp_path: Path, line: str) -> None:
    written(tmp_path, (BEGUN, "1"))
    with (tmp_path / records.NAME).open("a") as file:
        file.write(line + "\n")
    assert newest(tmp_path) == "1"


def test_database_is_told_from_others_without_its_password() -> None:
    one, other_password, other = (
        records.database_id(make_url(url))
        for url in ("mysql://a:b@h/comments", "mysql://a:c@h/comments", "mysql://a:b@h/others")
    )
    assert one == other_password != other
