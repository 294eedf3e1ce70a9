"""What is sent beside the pages."""

from __future__ import annotations

import gzip

from commentsite.config import PACKAGE_DIR

MOST_SCRIPT_BYTES = 6 * 1024


def test_script_is_small() -> None:
    script = (PACKAGE_DIR / "static" / "site.js").read_bytes()
    assert len(gzip.compress(script, 9)) < MOST_SCRIPT_BYTES
