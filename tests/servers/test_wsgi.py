from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.reading import ROOT

from .conftest import bare_settings
from .processes import clean_environment


def imported(folder: Path, settings: Mapping[str, str]) -> list[str]:
    """Return what the collector of a process is like that imported `wsgi`: on or not, with things put aside or not."""
    code = """
import gc
try:
    import wsgi
except Exception as error:
    print(type(error).__name__)
print(gc.isenabled())
print(gc.get_freeze_count() > 10_000)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(folder, **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_what_the_start_made_is_put_aside_and_what_requests_make_is_collected(tmp_path: Path) -> None:
    assert imported(tmp_path, bare_settings(tmp_path)) == ["True", "True"]


def test_a_host_that_the_site_does_not_start_in_keeps_its_collector(tmp_path: Path) -> None:
    settings = {**bare_settings(tmp_path), "COMMENTSITE_TIMEZONE": "Nowhere"}
    assert imported(tmp_path, settings) == ["InvalidSettings", "True", "False"]
