"""Would the projection have been right? History cut at earlier dates, projected, and set against what came."""

from collections.abc import Sequence

import pandas as pd

from analysis.errors import Misuse
from analysis.measures.components import dimensions
from analysis.models.vintage_projection import vintage_projection


def cut_back(vintages: pd.DataFrame, months: int, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Cohorts as far as they had aged some months ago: what was seen then, because later months change no cell.

    Args:
        vintages: one row is a cohort at an age, as `vintages` gives it.
        months: how far back [months, from 1].
        by: its dimensions.

    Returns:
        those rows with numbers that were there then; a cohort that was not old enough is gone. One whose youngest
        loan was there, but whose quarter or year was not over yet, is among them.

    Raises:
        Misuse: if a dimension is unknown or the months are out of range.
    """
    if months < 1:
        raise Misuse(f"months must be at least 1, was {months!r}.")
    known = vintages[vintages["value"].notna()]
    oldest = known.groupby(["cohort", *dimensions(by)], dropna=False)["age"].transform("max")
    return known[known["age"] <= oldest - months].reset_index(drop=True)


def back_test(
    vintages: pd.DataFrame,
    months: Sequence[int],
    *,
    by: Sequence[str] = (),
    basis: str = "count",
    method: str = "additive",
) -> pd.DataFrame:
    """What was projected at earlier dates, and what came.

    Args:
        vintages: one row is a cohort at an age, as `vintages` gives it.
        months: how far back to cut, one or more [months, from 1].
        by: its dimensions.
        basis: its basis.
        method: as for `vintage_projection`.

    Returns:
        one row per cut `months`, `cohort`, group and `age` that was ahead then and has been seen since, ascending:
        `ahead` [months], `value` projected, `lower`, `upper`, `actual` [share], `error` (projected less actual)
        and `within` (between the quartiles; None where there were none).

    Raises:
        Misuse: as for `vintage_projection` and `cut_back`.
        MissingColumns: if the table lacks a column.
    """
    keys = ["cohort", *dimensions(by), "age"]
    came = vintages[vintages["value"].notna()].rename(columns={"value": "actual"})[[*keys, "actual"]]
    parts = []
    for cut in months:
        seen = cut_back(vintages, cut, by=by)
        rows = vintage_projection(seen, by=by, basis=basis, method=method)
        latest = seen.groupby(keys[:-1], dropna=False)["age"].max().rename("latest").reset_index()
        ahead = rows[rows["is_projected"] & rows["value"].notna()].merge(latest, on=keys[:-1])
        parts.append(ahead.merge(came, on=keys).assign(months=cut))
    tested = pd.concat(parts, ignore_index=True)
    errors = tested.assign(ahead=tested["age"] - tested["latest"], error=tested["value"] - tested["actual"])
    held = errors["actual"].between(errors["lower"], errors["upper"]).astype(object)
    errors["within"] = held.where(errors["lower"].notna(), None)
    return errors[["months", *keys, "ahead", "value", "lower", "upper", "actual", "error", "within"]]


def back_test_summary(tested: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """How far off, and how often between the quartiles, by months ahead.

    Neighbouring cells share cohorts and months, so that a row says less than its number of cells suggests.

    Args:
        tested: rows as `back_test` gives them.
        by: dimensions to keep.

    Returns:
        one row per group and `ahead` [months], ascending: `cells` [count], `actual` (mean), `error` (mean: above 0
        where the projection was too high), `absolute` (mean error without its sign) [share], `coverage`: cells
        between the quartiles ÷ those that had any [share; a half if the band is right; NaN if none had].
    """
    keyed = tested.assign(absolute=tested["error"].abs(), within=tested["within"].astype(float))
    added = keyed.groupby([*dimensions(by), "ahead"], dropna=False).agg(
        cells=("error", "size"),
        actual=("actual", "mean"),
        error=("error", "mean"),
        absolute=("absolute", "mean"),
        coverage=("within", "mean"),
    )
    return added.reset_index()
