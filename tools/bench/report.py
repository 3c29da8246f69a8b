"""Limits, and the table that says which of them hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One measure: ours, what it is held against, and the limit on their ratio. `at_least` turns the limit round."""

    name: str
    unit: str
    ours: float | None
    other: float | None
    other_name: str
    limit: float | None
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.ours / self.other if self.ours is not None and self.other else None

    @property
    def verdict(self) -> str:
        """pass, fail, skipped (one side was not measured) or "" where no limit is set."""
        if self.ratio is None:
            return "skipped"
        if self.limit is None:
            return ""
        return "pass" if (self.ratio >= self.limit if self.at_least else self.ratio <= self.limit) else "FAIL"

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


NUMBERS = {1, 2, 4}  # columns that align to the right


def number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "us":
        return f"{value * 1e6:,.0f} us"
    if unit == "ms":
        return f"{value * 1e3:,.1f} ms"
    if unit == "s":
        return f"{value:.3f} s"
    return f"{value:,.0f} {unit}"


def table(lines: list[Line]) -> str:
    """The lines as aligned text."""
    rows = [["measure", "ours", "beside", "", "ratio", "limit", ""]]
    for line in lines:
        sign = "≥" if line.at_least else "≤"
        rows.append(
            [
                line.name,
                number(line.ours, line.unit),
                number(line.other, line.unit),
                line.other_name,
                f"{line.ratio:.2f}" if line.ratio is not None else "-",
                f"{sign} {line.limit:g}" if line.limit is not None else "",
                " ".join(filter(None, (line.verdict, line.note))),
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(aligned(row, widths) for row in rows)


def aligned(row: list[str], widths: list[int]) -> str:
    cells = (
        cell.rjust(w) if column in NUMBERS else cell.ljust(w) for column, (cell, w) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()
