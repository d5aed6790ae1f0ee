"""The same by hand-written DuckDB SQL over the same files, with the stored state of the month before."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import duckdb

from benchmarks.places import (
    ADDITIONS,
    DISPOSALS,
    ENDED,
    ENTRIES,
    YEAR,
    Work,
    flow_files,
    state_files,
    told,
    total,
)

STATES = "read_parquet({files}, hive_partitioning = false)"
RATIO = """
SELECT as_of, segment,
       sum(principal_balance) FILTER (WHERE is_npl) AS npl_balance,
       sum(principal_balance) AS balance
FROM states GROUP BY as_of, segment ORDER BY as_of, segment
"""
STOCK = """
SELECT as_of, segment, count(*) AS loans, sum(principal_balance) AS balance,
       count(*) FILTER (WHERE is_npl) AS npl_loans,
       sum(principal_balance) FILTER (WHERE is_npl) AS npl_balance,
       count(*) FILTER (WHERE five_class = 'special_mention') AS special_mention_loans,
       sum(principal_balance) FILTER (WHERE five_class = 'special_mention') AS special_mention_balance,
       count(*) FILTER (WHERE days_past_due > 0) AS overdue_loans,
       sum(principal_balance) FILTER (WHERE days_past_due > 0) AS overdue_balance,
       count(*) FILTER (WHERE days_past_due > 90) AS overdue90_loans,
       sum(principal_balance) FILTER (WHERE days_past_due > 90) AS overdue90_balance,
       count(*) FILTER (WHERE is_restructured) AS restructured_loans,
       sum(principal_balance) FILTER (WHERE is_restructured) AS restructured_balance,
       count(*) FILTER (WHERE is_restructured AND in_observation) AS observed_loans,
       sum(principal_balance) FILTER (WHERE is_restructured AND in_observation) AS observed_balance,
       sum(allowance) AS allowance
FROM states GROUP BY as_of, segment ORDER BY as_of, segment
"""
_SUM = "coalesce(sum(amount) FILTER (WHERE kind = '{kind}'), 0) AS {kind}"
_SUMS = ", ".join(_SUM.format(kind=kind) for kind in (*DISPOSALS, *ADDITIONS))
MONEY = f"""
CREATE OR REPLACE TEMP TABLE money AS
SELECT loan_id, {_SUMS}, coalesce(sum(amount) FILTER (WHERE kind IN ('repayment', 'recovery')), 0) AS cash
FROM flows WHERE date > ? AND date <= ? GROUP BY loan_id
"""
# Two ends of a month: bad before, bad now, or written off; who was there before is known from the later row.
ENDS = """
CREATE OR REPLACE TEMP TABLE ends AS
WITH was AS (SELECT loan_id, segment, principal_balance AS was FROM before WHERE is_npl),
     now AS (SELECT loan_id, segment, principal_balance AS now, is_npl, prior_as_of IS NOT NULL AS here_before
             FROM after WHERE is_npl OR prior_is_npl),
     bad AS (SELECT coalesce(was.loan_id, now.loan_id) AS loan_id, coalesce(now.segment, was.segment) AS segment,
                    was.loan_id IS NOT NULL AS stayed, was, coalesce(is_npl, false) AS bad, now,
                    now.loan_id IS NULL AS is_out, coalesce(here_before, true) AS here_before
             FROM was FULL JOIN now USING (loan_id)),
     gone AS (SELECT loan_id FROM money WHERE write_off <> 0 AND loan_id NOT IN (SELECT loan_id FROM bad)),
     others AS (SELECT gone.loan_id, coalesce(a.segment, b.segment) AS segment, false AS stayed,
                       NULL::DECIMAL(18, 2) AS was, false AS bad, a.principal_balance AS now,
                       a.loan_id IS NULL AS is_out, b.loan_id IS NOT NULL AS here_before
                FROM gone LEFT JOIN before b USING (loan_id) LEFT JOIN after a ON a.loan_id = gone.loan_id)
SELECT * FROM bad UNION ALL SELECT * FROM others
"""
_DISPOSED = {kind: f"CASE WHEN stayed OR bad THEN coalesce({kind}, 0) ELSE 0 END" for kind in DISPOSALS}
_DISPOSED["write_off"] = "coalesce(write_off, 0)"
_CAME = " + ".join(["CASE WHEN bad THEN coalesce(now, 0) ELSE 0 END", *(f"({text})" for text in _DISPOSED.values())])
_ENTRY = """CASE WHEN stayed OR NOT (bad OR coalesce(write_off, 0) > 0) THEN ''
                 WHEN NOT here_before THEN 'entered' WHEN first_npl < ? THEN 'redefault' ELSE 'inflow' END"""
LINES = f"""
WITH lines AS (
    SELECT segment, CASE WHEN stayed THEN coalesce(was, 0) ELSE 0 END AS opening,
           CASE WHEN bad THEN coalesce(now, 0) ELSE 0 END AS closing, {_ENTRY} AS entry, {_CAME} AS came,
           CASE WHEN stayed AND NOT bad AND NOT is_out THEN -coalesce(now, 0) ELSE 0 END AS cure,
           CASE WHEN stayed THEN -coalesce(cash, 0) ELSE 0 END AS cash,
           {", ".join(f"CASE WHEN stayed THEN coalesce({kind}, 0) ELSE 0 END AS {kind}" for kind in ADDITIONS)},
           {", ".join(f"-({text}) AS {kind}" for kind, text in _DISPOSED.items())}
    FROM ends LEFT JOIN money USING (loan_id) LEFT JOIN first_bad USING (loan_id))
SELECT segment, sum(opening) AS opening, sum(closing) AS closing,
       {", ".join(f"sum(came) FILTER (WHERE entry = '{kind}') AS {kind}" for kind in ENTRIES)},
       {", ".join(f"sum({name}) AS {name}" for name in ("cure", "cash", *ADDITIONS, *DISPOSALS))}
FROM lines GROUP BY segment
"""
FIRST_BAD = """
CREATE OR REPLACE TEMP TABLE first_bad AS SELECT loan_id, min(as_of) AS first_npl FROM states WHERE is_npl GROUP BY 1
"""
MOVES = """
SELECT coalesce(five_class, 'not_recorded') AS to_state, count(*) AS loans, as_of, prior_as_of IS NULL AS entered,
       prior_five_class, sum(prior_balance), sum(principal_balance)
FROM states WHERE as_of > ? GROUP BY ALL
"""
_LAST_DAYS = ", ".join(f"max(date) FILTER (WHERE kind = '{kind}') AS {kind}_day" for kind in DISPOSALS)
_KINDS = ", ".join(f"'{kind}'" for kind in ("repayment", "recovery", *DISPOSALS))
_CASES = " ".join(f"WHEN {kind}_day = last_day THEN '{name}'" for kind, name in zip(DISPOSALS, ENDED, strict=True))
EXITS = f"""
WITH gone AS (SELECT loan_id, five_class, principal_balance FROM before ANTI JOIN after USING (loan_id)),
     ended AS (SELECT loan_id, max(date) AS last_day, sum(amount) AS settled, {_LAST_DAYS}
               FROM flows SEMI JOIN gone USING (loan_id)
               WHERE date > ? AND date <= ? AND amount > 0 AND kind IN ({_KINDS}) GROUP BY loan_id)
SELECT five_class,
       CASE {_CASES}
            WHEN settled >= coalesce(principal_balance, settled) THEN 'repaid' ELSE 'left' END AS to_state,
       count(*) AS loans, sum(principal_balance)
FROM gone LEFT JOIN ended USING (loan_id) GROUP BY ALL
"""
_BUCKET = "CASE WHEN {days} <= 0 THEN 0 ELSE least((({days} - 1) // 30) + 1, 7) END"
ROLLED = f"""
SELECT as_of, {_BUCKET.format(days="prior_days_past_due")} AS was, {_BUCKET.format(days="days_past_due")} AS now,
       count(*) AS loans
FROM states WHERE prior_as_of IS NOT NULL GROUP BY ALL
"""
IN_BUCKET = f"SELECT as_of, {_BUCKET.format(days='days_past_due')} AS was, count(*) AS loans FROM states GROUP BY ALL"
CONCENTRATION = """
WITH names AS (SELECT borrower_id, sum(principal_balance) AS amount FROM latest GROUP BY 1),
     ranked AS (SELECT amount::DOUBLE AS amount, row_number() OVER (ORDER BY amount DESC, borrower_id) AS place
                FROM names WHERE amount > 0),
     whole AS (SELECT sum(amount) AS total, count(*) AS names FROM ranked)
SELECT sum(amount * amount) / any_value(total) ** 2 AS hhi,
       ((any_value(names) + 1) * any_value(total) - 2 * sum(place * amount))
           / (any_value(names) * any_value(total)) AS gini,
       sum(amount * ln(amount)) / any_value(total) - ln(any_value(total) / any_value(names)) AS theil,
       sum(amount) FILTER (WHERE place <= 20) / any_value(total) AS cr20
FROM ranked, whole
"""
# A cohort counts that began when the book had begun and is over at its end, up to the age of its youngest loan.
VINTAGES = """
WITH span AS (SELECT min(as_of) AS first, max(as_of) AS last FROM states),
     rows AS (SELECT loan_id, year(as_of) * 12 + month(as_of) AS month, is_npl FROM states),
     seen AS (SELECT loan_id, min(month) FILTER (WHERE is_npl) AS first_bad FROM rows GROUP BY loan_id),
     outset AS (SELECT loan_id, origination_date FROM states, span
                WHERE prior_as_of IS NULL OR as_of = first
                QUALIFY row_number() OVER (PARTITION BY loan_id ORDER BY as_of) = 1),
     placed AS (SELECT loan_id, date_trunc('quarter', origination_date) AS cohort, first_bad,
                       year(origination_date) * 12 + month(origination_date) AS origin
                FROM seen JOIN outset USING (loan_id)),
     chosen AS (SELECT cohort, year(any_value(last)) * 12 + month(any_value(last)) - max(origin) AS oldest
                FROM placed, span
                WHERE cohort >= date_trunc('month', first) AND cohort + INTERVAL 3 MONTH - INTERVAL 1 DAY <= last
                GROUP BY cohort),
     ever AS (SELECT sum(oldest - greatest(first_bad - origin, 0) + 1) AS bad
              FROM placed JOIN chosen USING (cohort)
              WHERE first_bad IS NOT NULL AND greatest(first_bad - origin, 0) <= oldest),
     now AS (SELECT count(*) AS current
             FROM rows JOIN placed USING (loan_id) JOIN chosen USING (cohort)
             WHERE is_npl AND month - origin BETWEEN 0 AND oldest)
SELECT bad, current FROM ever, now
"""
COVERAGE = """
SELECT segment, sum(principal_balance) FILTER (WHERE is_npl) AS npl, sum(allowance) AS allowance,
       sum(allowance) FILTER (WHERE is_npl) AS own
FROM latest GROUP BY segment
"""


def ratio(size: str) -> Work:
    """NPL ratio by month and segment."""
    engine = connected(size)
    return lambda: total(engine.execute(RATIO).df(), "npl_balance")


def stock(size: str) -> Work:
    """Every stock component by month and segment."""
    engine = connected(size)
    return lambda: total(engine.execute(STOCK).df(), "npl_balance")


def bridge(size: str) -> Work:
    """Lines of the bridge of twelve months, month by month."""
    engine, months = connected(size), state_files(size)[-YEAR - 1 :]

    def work() -> str:
        engine.execute(FIRST_BAD)
        rows = [_lines(engine, pair, is_first=pair[0] == months[0]) for pair in pairwise(months)]
        sums = _summed(row for some in rows for row in some)
        # What flows do not explain; nothing in a book that ties.
        sums["residual"] = sums["closing"] - sum(amount for name, amount in sums.items() if name != "closing")
        return told(sums)

    def _lines(engine: Any, pair: tuple[str, str], *, is_first: bool) -> list[dict[str, Any]]:  # noqa: ANN401
        opening, closing = _pair(engine, pair)
        engine.execute(MONEY, [opening, closing])
        engine.execute(ENDS)
        rows = engine.execute(LINES, [opening]).fetch_arrow_table().to_pylist()
        last = pair[1] == months[-1]
        return [row | ({} if is_first else {"opening": 0}) | ({} if last else {"closing": 0}) for row in rows]

    return work


def migration(size: str) -> Work:
    """Moves by class in one scan, exits month by month."""
    engine, months = connected(size), state_files(size)

    def work() -> str:
        (start,) = engine.execute("SELECT min(as_of) FROM states").fetchone()
        moves = engine.execute(MOVES, [start]).df()
        exits = [engine.execute(EXITS, _pair(engine, pair)).df() for pair in pairwise(months)]
        return _by_state([moves, *exits])

    return work


def roll_rates(size: str) -> Work:
    """Roll rates from the stored days of the month before."""
    engine = connected(size)

    def work() -> str:
        rolled, held = engine.execute(ROLLED).df(), engine.execute(IN_BUCKET).df()
        worse = rolled[(rolled["now"] > rolled["was"]) & (rolled["was"] < 7)]
        before = held[(held["as_of"] < held["as_of"].max()) & (held["was"] < 7)]
        return told({"numerator": worse["loans"].sum(), "denominator": before["loans"].sum()})

    return work


def concentration(size: str) -> Work:
    """Indices of borrowers at the latest month end, in floating point."""
    engine = connected(size)

    def work() -> str:
        row = engine.execute(CONCENTRATION).df().iloc[0]
        return " ".join(f"{name}={row[name]:.10f}" for name in ("hhi", "gini", "theil", "cr20"))

    return work


def vintages(size: str) -> Work:
    """Ever and currently non-performing loans of every quarter's cohort by age, all cells added up."""
    engine = connected(size)

    def work() -> str:
        bad, current = engine.execute(VINTAGES).fetchone()
        return told({"bad": bad, "current": current})

    return work


def coverage(size: str) -> Work:
    """Allowance and non-performing loans by segment at the latest month end."""
    engine = connected(size)

    def work() -> str:
        rows = engine.execute(COVERAGE).df()
        return told({name: rows[name].sum() for name in ("npl", "allowance")})

    return work


def connected(size: str) -> Any:  # noqa: ANN401  (a DuckDB connection)
    engine, files = duckdb.connect(), state_files(size)
    engine.execute("SET enable_progress_bar = false")
    engine.execute(f"CREATE VIEW states AS SELECT * FROM {STATES.format(files=files)}")
    engine.execute(f"CREATE VIEW latest AS SELECT * FROM {STATES.format(files=files[-1:])}")
    engine.execute(f"CREATE VIEW flows AS SELECT * FROM {STATES.format(files=flow_files(size))}")
    return engine


def _pair(engine: Any, pair: tuple[str, str]) -> list[Any]:  # noqa: ANN401
    """Name the files of two month ends, and give their dates."""
    for name, path in zip(("before", "after"), pair, strict=True):
        engine.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {STATES.format(files=[path])}")
    return [engine.execute(f"SELECT any_value(as_of) FROM {name}").fetchone()[0] for name in ("before", "after")]


def _summed(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    sums: dict[str, Any] = {}
    for row in rows:
        for name, amount in row.items():
            if name != "segment" and amount is not None:
                sums[name] = sums.get(name, 0) + amount
    return sums


def _by_state(frames: Iterable[Any]) -> str:
    loans: dict[str, int] = {}
    for frame in frames:
        for state, count in frame.groupby("to_state")["loans"].sum().items():
            loans[state] = loans.get(state, 0) + int(count)
    return told(loans)
