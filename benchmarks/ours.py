"""The measures, as `npl measure` and the notebooks ask for them, with more or less kept from before.

`live` asks a table of which nothing can be kept; `first` keeps nothing and works all out, as for a book that was
just imported; `next` lacks the last month only, as after a monthly append; `again` has all.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.places import YEAR, Work, opened, state_files, told, total

BY = ("segment",)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a measure is asked of."""

    book: Any
    rules: Any
    states: Any

    @property
    def flows(self) -> Any:  # noqa: ANN401  (an Ibis table)
        """Money movements."""
        return self.book.flows

    @property
    def loans(self) -> Any:  # noqa: ANN401
        """Loans with their attributes."""
        return self.book.loans

    @property
    def months(self) -> tuple[date, ...]:
        """Month ends, ascending."""
        months: tuple[date, ...] = self.book.months
        return months


def ratio(asked: Asked) -> str:
    """NPL ratio by month and segment."""
    from analysis.measures.stock import measured

    return total(measured(asked.states, "npl_ratio", by=BY), "numerator")


def stock(asked: Asked) -> str:
    """Every stock component by month and segment."""
    from analysis.measures.components import STOCK, component_rows

    return total(component_rows(asked.states, BY, STOCK), "npl_balance")


def bridge(asked: Asked) -> str:
    """What moved the NPL balance in the latest twelve months, by segment."""
    from analysis.measures import bridge as lines

    rows = lines.bridge(asked.states, asked.flows, dates=asked.months[-YEAR - 1 :], by=BY)
    return told({name: rows[name].sum() for name in ("opening", *lines.LINES, "closing") if name != "transfer"})


def migration(asked: Asked) -> str:
    """Where the loans of each class went, month by month, exits by what ended them."""
    from analysis.measures import migration as moves

    rows = moves.migration(asked.states, asked.flows)
    return told(rows.groupby("to_state")["loans"].sum().to_dict())


def roll_rates(asked: Asked) -> str:
    """Roll rates of every bucket, month by month."""
    from analysis.measures.migration import migration as moves
    from analysis.measures.roll_rates import roll_rates as rolled

    rows = rolled(moves(asked.states, asked.flows, state="bucket"))
    chosen = rows[rows["convention"] == "loan_level"]
    return told({name: chosen[name].sum() for name in ("numerator", "denominator")})


def concentration(asked: Asked) -> str:
    """Concentration of borrowers at the latest month end."""
    from analysis.measures import concentration as indices

    rows = indices.concentration(asked.states.filter(asked.states.as_of == asked.months[-1]))
    return " ".join(f"{name}={rows[name].iloc[0]:.10f}" for name in ("hhi", "gini", "theil", "cr20"))


def vintages(asked: Asked) -> str:
    """Ever non-performing loans of every quarter's cohort by age."""
    from analysis.measures import vintage

    rows = vintage.vintages(asked.states)
    return told({"bad": rows["bad"].dropna().sum(), "current": rows["current_bad"].dropna().sum()})


def coverage(asked: Asked) -> str:
    """Coverage of non-performing loans by segment at the latest month end."""
    from analysis.measures.provision_coverage import npl_coverage

    rows = npl_coverage(asked.states, asked.loans, as_of=asked.months[-1], by=BY)
    return told({name: rows[name].sum() for name in ("npl", "allowance")})


def page(asked: Asked) -> str:
    """All that the page of segments asks, without drawing it."""
    from analysis.exhibits.segment_page import Lens, counted_intervals, key_figures, segment_frames

    lens = Lens(book=asked.book, rules=asked.rules, states=asked.states, basis="balance")
    frames, figures = segment_frames(lens), key_figures(lens)
    counted_intervals(lens)
    return f"{total(frames.history, 'numerator')} {len(figures.metrics)}"


MEASURES: dict[str, Callable[[Asked], str]] = {
    one.__name__: one for one in (ratio, stock, bridge, migration, roll_rates, concentration, vintages, coverage, page)
}


def live(name: str, size: str) -> Work:
    """Of a table of which nothing is kept: the expression alone."""
    asked = _asked(size)
    table = asked.states.get_backend().read_parquet(state_files(size), hive_partitioning=False)
    copied = replace(asked, states=table)
    return lambda: MEASURES[name](copied)


def first(name: str, size: str) -> Work:
    """With nothing kept: all is worked out, and kept."""
    asked, folders = _asked(size), _kept_folders(size)

    def work() -> str:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        return MEASURES[name](asked)

    return work


def next_month(name: str, size: str) -> Work:
    """With all but the last month kept, as after a monthly append."""
    asked, folders = _asked(size), _kept_folders(size)
    MEASURES[name](asked)

    def work() -> str:
        for folder in folders:
            for path in folder.glob(f"*/{asked.months[-1]}-*"):
                path.unlink()
        return MEASURES[name](asked)

    return work


def again(name: str, size: str) -> Work:
    """With all kept."""
    asked = _asked(size)
    MEASURES[name](asked)
    return lambda: MEASURES[name](asked)


def _asked(size: str) -> Asked:
    from analysis.classify.states import states

    book, rules = opened(size)
    return Asked(book=book, rules=rules, states=states(book, rules))


def _kept_folders(size: str) -> list[Path]:
    from analysis.book.kept import FOLDER

    return [Path(state_files(size)[0]).parents[1] / FOLDER]
