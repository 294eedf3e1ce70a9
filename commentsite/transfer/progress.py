"""How far a long piece of work is: what it calls, and what shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import click

# Called with what is done and how much there is of it; gives a function to be called with how much more was done.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]

STEPS = 200


@contextmanager
def shown(label: str, length: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on stderr: on stdout there may be an export."""
    steps = max(1, length // STEPS)
    with click.progressbar(length=length, label=label, file=sys.stderr, update_min_steps=steps) as bar:
        yield bar.update


@contextmanager
def hidden(_label: str, _length: int) -> Iterator[Callable[[int], object]]:
    """Show nothing."""
    yield lambda _more: None
