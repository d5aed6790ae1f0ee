"""What does the page of coverage rest on? Coverage, allowance bridge and what rules ask for, of a classified book."""

from typing import Any

import pandas as pd

from analysis.exhibits.bridge_page import bridge_period
from analysis.exhibits.migrations import STATE_LABELS
from analysis.exhibits.provisions import Covered
from analysis.exhibits.reading import first_row
from analysis.exhibits.segment_page import UNNAMED, Lens, source_line
from analysis.measures.allowance_bridge import allowance_bridge
from analysis.measures.backstop import backstop
from analysis.measures.exact import Exact, exact_sum
from analysis.measures.npl_age import AT_LEAST, CUTS
from analysis.measures.provision_coverage import npl_coverage
from analysis.measures.provision_requirement import provision_requirement
from analysis.terms import DIMENSIONS, NPL_CLASSES, Text, same

_CUTS = ("five_class", "bucket", "npl_years", "collateral_type")


def covered(lens: Lens) -> Covered:
    """Coverage of a book's bad loans, how its allowance moved, and what rules ask for.

    Args:
        lens: from where the book is looked at.
    """
    book, states = lens.book, lens.states
    known: dict[str, Any] = {
        "as_of": book.as_of,
        "currency": book.profile.currency,
        "source": source_line(book, lens.rules),
        "label": lambda cut, key: _named(lens, cut, key),
        "cut_label": lambda cut: CUTS.get(cut) or DIMENSIONS[cut],
    }
    whole = first_row(npl_coverage(states, book.loans, as_of=book.as_of))
    if not whole or whole["note"] == "not_recorded":
        return Covered(note="not_recorded" if whole else "no_loans", bridge_note="not_recorded", whole=whole, **known)
    return Covered(
        whole=whole,
        groups={cut: npl_coverage(states, book.loans, by=(cut,), as_of=book.as_of) for cut in _CUTS},
        requirement=provision_requirement(states.filter(states.as_of == book.as_of)),
        backstop=backstop(states, book.loans, as_of=book.as_of),
        **known,
        **_bridged(lens),
    )


def _bridged(lens: Lens) -> dict[str, Any]:
    period = bridge_period(lens)
    if period is None:
        return {"bridge_note": "no_prior"}
    if lens.flows is None:
        return {"period": period, "bridge_note": "missing_flows"}
    dates = [month for month in lens.book.months if period[0] <= month <= period[1]]
    return {"period": period, "bridge": first_row(allowance_bridge(lens.states, lens.flows, dates=dates))}


def _named(lens: Lens, cut: str, key: str) -> Text:
    if cut == "five_class":
        return STATE_LABELS.get(key, same(key)) if key in (*NPL_CLASSES, *STATE_LABELS) else UNNAMED
    if cut == "npl_years":
        return _years(key)
    return lens.book.label(cut, key) if key else UNNAMED


def _years(key: str) -> Text:
    number = key.removeprefix(AT_LEAST)
    if key == "0":
        return Text("不满1年", "less than a year")
    words = (
        Text("满{n}年", "{n} years or more")
        if key == number
        else Text("首次出现即不良，已{n}年以上", "{n}+ years, bad when first seen")
    )
    return words.format(n=number)


def control_totals(covered: Covered) -> pd.DataFrame:
    """Bad balances and allowances of every breakdown against the whole book.

    Returns:
        one row is a breakdown: `npl`, `allowance_npl` (sums of its groups less the whole) [currency; exact; None if not
        recorded].
    """
    parts = ("npl", "allowance_npl")
    whole = {part: covered.whole.get(part) for part in parts}
    rows = [
        {"by": cut, **{part: _difference(exact_sum(groups[part]), whole[part]) for part in parts}}
        for cut, groups in covered.groups.items()
    ]
    return pd.DataFrame([{"by": "", **whole}, *rows], dtype=object).set_index("by")


def _difference(added: Exact, whole: Any) -> Exact:  # noqa: ANN401  (from a record)
    return None if added is None or whole is None else added - whole
