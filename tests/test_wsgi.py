"""The module for WSGI servers, imported as they do: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.docs.reading import ROOT

from .servers.conftest import bare_settings
from .servers.processes import clean_environment

IMPORT = """
import gc
looks = []
gc.callbacks.append(lambda phase, _info: looks.append(phase))
try:
    import wsgi
except Exception as error:
    print(type(error).__name__)
else:
    print("looked" if looks else "looked away")
print("on" if gc.isenabled() else "off")
print("much put aside" if gc.get_freeze_count() > 10_000 else "little put aside")
"""


def imported(folder: Path, settings: Mapping[str, str]) -> list[str]:
    """Return what the collector did while a process imported `wsgi`, or the error that ended it, and how it is then."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=ROOT,
        env=clean_environment(folder, **settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_collector_looks_away_until_the_site_is_made_and_never_at_what_the_start_made(tmp_path: Path) -> None:
    assert imported(tmp_path, bare_settings(tmp_path)) == ["looked away", "on", "much put aside"]


def test_a_host_that_the_site_does_not_start_in_keeps_its_collector(tmp_path: Path) -> None:
    settings = {**bare_settings(tmp_path), "COMMENTSITE_TIMEZONE": "Nowhere"}
    assert imported(tmp_path, settings) == ["InvalidSettings", "on", "little put aside"]
