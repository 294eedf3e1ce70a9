"""Documents as tests read them: the fenced blocks under each heading, so that the document is what runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block: the heading it stands under, its language, the line of text before it, and what is in it."""

    heading: str
    language: str
    lead: str
    text: str

    @property
    def file(self) -> str:
        """The file that the line before the block names, in backticks; the last one where there are several."""
        return str(re.findall(r"`([^`]+)`", self.lead)[-1])


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of `document`, a path in the repository, in their order."""
    found: list[Block] = []
    heading = lead = ""
    fence: str | None = None
    inside: list[str] = []
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            if fence is None:
                fence = line[3:].strip()
            else:
                found.append(Block(heading, fence, lead, "\n".join(inside) + "\n"))
                fence, inside = None, []
        elif fence is not None:
            inside.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif line.strip():
            lead = line
    return found


def under(document: str, heading: str, language: str | None = None) -> list[Block]:
    """Return the blocks under `heading`, of `language` if given. Raises LookupError where there are none."""
    found = [each for each in blocks(document) if each.heading == heading and language in (None, each.language)]
    if not found:
        raise LookupError(f"{document} has no {language or 'fenced'} block under {heading!r}")
    return found


def command(document: str, heading: str) -> str:
    """Return the last command under `heading` as one line."""
    text = under(document, heading, "bash")[-1].text
    return text.replace("\\\n", " ").strip().splitlines()[-1]


def changed(text: str, change: str) -> str:
    """Return `text` with `change` made: a diff block's lines, of which those with a minus or none are found in it.

    Raises LookupError unless they stand in `text` exactly once.
    """
    lines = change.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("", " ", "-"))
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] in ("", " ", "+"))
    if text.count(before) != 1:
        raise LookupError(f"these lines stand {text.count(before)} times in the file:\n{before}")
    return text.replace(before, after)
