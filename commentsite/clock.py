"""The clock: the only place that asks the time, and the one that writes it for readers."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from zoneinfo import ZoneInfo


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC, to the microsecond."""
    return datetime.now(timezone.utc)


def seconds_running() -> float:
    """Return seconds since some fixed moment; unlike the time of day it never jumps back."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Wait for `seconds`."""
    time.sleep(seconds)


def format_timestamp(moment: datetime, zone: ZoneInfo, pattern: str) -> str:
    """Return an aware `moment` in `zone`, written by the strftime `pattern`."""
    return moment.astimezone(zone).strftime(pattern)


def zone_label(moment: datetime, zone: ZoneInfo) -> str:
    """Return what the clocks in `zone` are called at `moment`: "CEST", "UTC", or "UTC-03" where a zone has no name."""
    label = moment.astimezone(zone).tzname() or str(zone)
    return f"UTC{label}" if label[0] in "+-" else label
