"""What was measured, round by round, and how it is shown: medians, ratios of the same round and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

HEADINGS = ("what", "median", "beside", "ratio", "ratios of the rounds", "target", "met")


@dataclass(frozen=True)
class Goal:
    """What a ratio, or a value where there is nothing beside it, is to be."""

    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == ">=" else value <= self.bound


def at_least(bound: float) -> Goal:
    return Goal(">=", bound)


def at_most(bound: float) -> Goal:
    return Goal("<=", bound)


@dataclass(frozen=True)
class Row:
    """A value of each round, and beside it another of the same round."""

    what: str
    values: Sequence[float]
    beside: Sequence[float] = ()
    goal: Goal | None = None

    @property
    def ratios(self) -> list[float]:
        return [value / other for value, other in zip(self.values, self.beside, strict=True)] if self.beside else []

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met by the median of the ratios; None where there is no goal."""
        return self.goal.is_met(median(self.ratios or self.values)) if self.goal else None

    def cells(self) -> tuple[str, ...]:
        """Return what stands under HEADINGS."""
        ratios = self.ratios
        return (
            self.what,
            _shown(median(self.values)),
            _shown(median(self.beside)) if self.beside else "",
            f"{median(ratios):.2f}" if ratios else "",
            f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else _spread(self.values),
            str(self.goal or ""),
            {None: "", True: "yes", False: "no"}[self.is_met],
        )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _spread(values: Sequence[float]) -> str:
    return f"{_shown(min(values))} to {_shown(max(values))}" if len(values) > 1 else ""


@dataclass
class Table:
    """Rows under one title, and what was found to be wrong meanwhile."""

    title: str
    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"### {self.title}", "", f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
        lines += [f"| {' | '.join(row.cells())} |" for row in self.rows]
        lines += [f"\n**Wrong:** {problem}" for problem in self.problems]
        return "\n".join(lines) + "\n"
