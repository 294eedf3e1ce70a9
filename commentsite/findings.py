"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of a check; `remedy` says what to do where it is not right."""

    name: str
    is_right: bool
    detail: str
    remedy: str = ""
