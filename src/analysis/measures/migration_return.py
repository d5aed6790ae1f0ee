"""The Chinese return G12: where the loans of the beginning of the year are now, and how bad ones became fewer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import ibis
import ibis.expr.types as ir
import pandas as pd

from analysis.errors import DataRefused, require_columns
from analysis.measures.bridge import bridge
from analysis.measures.components import exact_rows
from analysis.measures.periods import dated_flows
from analysis.measures.returns import LAYOUTS, return_amounts
from analysis.terms import CASH, DISPOSALS, FIVE_CLASSES, NPL_CLASSES, Text

Amount = Decimal | None
Cells = Mapping[str, Amount]
COLUMNS = MappingProxyType(
    {
        "A": Text("年初余额", "Opening balance"),
        "B": Text("本期减少", "Reduced in the period"),
        **{letter: FIVE_CLASSES[name] for letter, name in zip("CDEFG", FIVE_CLASSES, strict=True)},
        "H": Text("合计", "Total"),
    }
)
ROWS = MappingProxyType(
    {
        "1": Text("期末余额", "Closing balance"),
        "2": Text("本期增加", "Lent in the period"),
        **{
            str(number): Text(f"年初{label.zh}类", f"{label.en} at the beginning")
            for number, label in enumerate(FIVE_CLASSES.values(), start=3)
        },
        "8": Text("年初贷款合计", "All loans of the beginning"),
    }
)
_ROW_OF = MappingProxyType({name: str(number) for number, name in enumerate(FIVE_CLASSES, start=3)})
_COLUMN_OF = MappingProxyType(dict(zip(FIVE_CLASSES, "CDEFG", strict=True)))
_WAYS = MappingProxyType(
    {
        "cash": Text("现金收回", "Collected in cash"),
        "foreclosure": Text("以物抵债", "Settled in kind"),
        "write_off": Text("核销", "Written off"),
        "sale": Text("转让", "Sold"),
        "debt_to_equity": Text("债转股", "Swapped for equity"),
        "forgiveness": Text("减免", "Forgiven"),
    }
)
_NOTHING = Decimal("0.00")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of a return: its name, and its rows with exact amounts.

    Attributes:
        code: short name.
        label: what it holds.
        rows: one row is a cell or a line: `code`, `zh`, `en`, `amount` [currency; exact; None if unknown].
    """

    code: str
    label: Text
    rows: pd.DataFrame


def migration_return(states: ir.Table, flows: ir.Table | None, *, dates: Sequence[date]) -> tuple[Block, ...]:
    """The blocks of G12 from the beginning of the year to the end of the period.

    The matrix compares two month ends: a loan that got worse and better meanwhile has stayed. Of a loan that was there
    at the beginning, what it owes now counts up to what it owed then; the rest was lent in the period. What flows
    pay back or dispose of beyond the fall of the opening balance is a reduction of what was lent in the period.
    Disposals are those of all months, on loans that the month end before saw as non-performing, and all write-offs.

    Args:
        states: one row is a loan at a month end, classified.
        flows: one row is a dated money movement of a loan; without them the amounts they tell are None.
        dates: every month end from the beginning of the year to the end of the period, ascending, two or more.

    Returns:
        the matrix (rows 1 to 8, columns A to H), classes that loans changed to, reductions of the NPL of the beginning,
        disposals, movements of the NPL, and checks, in this order.

    Raises:
        DataRefused: if a loan has no balance or no class at one of the two ends.
        MissingColumns: if a table lacks a column.

    Source: 1104 return G12 《贷款质量迁徙情况表》; rows, columns and the two sums with what was lent and paid back
        second hand, row 1 and the lines of the last blocks by their titles only. Interest is left out, as there.
    """
    ends = (min(dates), max(dates))
    sums = _summed(states, flows, ends)
    cells = _matrix(sums, has_flows=flows is not None)
    lines = None if flows is None else bridge(states, flows, dates=list(dates))
    two_ends = None if flows is None else bridge(states, flows, dates=ends)
    blocks = [_matrix_block(cells), _transfers(cells, sums), _reductions(cells, sums, has_flows=flows is not None)]
    if lines is not None and two_ends is not None:
        blocks += [_disposals(lines, flows, ends), _movements(two_ends)]
    return (*blocks, _checks(cells, sums, two_ends))


def _summed(states: ir.Table, flows: ir.Table | None, ends: tuple[date, date]) -> pd.DataFrame:
    """One row is a class at the beginning (None for new loans) and one now (None for those gone): exact sums."""
    require_columns(
        "states", {"as_of", "loan_id", "five_class", "is_restructured", "principal_balance"}, states.columns
    )
    loans = _loans(states, flows, ends)
    kept = ibis.least(loans.opening, loans.closing)
    reduced = loans.opening - kept
    beyond = ibis.greatest(loans.out - reduced, 0)
    by_kind = {kind: loans[kind].sum() for kind in _WAYS}
    added = loans.group_by(["was", "now"], as_of=ibis.literal(ends[1])).aggregate(
        opening=loans.opening.sum(),
        kept=kept.sum(),
        restructured=ibis.coalesce(kept.sum(where=loans.restructured), 0),
        reduced=reduced.sum(),
        lent=(loans.closing - kept).sum(),
        lent_reduced=beyond.sum(),
        drawn=loans.drawn.sum(),
        out=loans.out.sum(),
        unknown=loans.unknown.sum(),
        **by_kind,
    )
    sums = exact_rows(added, ["as_of", "was", "now"])
    if unknown := sum(int(number) for number in sums["unknown"]):
        raise DataRefused(
            f"a return needs the balance and the class of every loan at {ends[0]} and {ends[1]}, but {unknown:,} lack "
            "one; import what is missing."
        )
    return sums


def _loans(states: ir.Table, flows: ir.Table | None, ends: tuple[date, date]) -> ir.Table:
    """One row is a loan that was there at an end of the period, or that money moved on within it."""
    first, last = (
        states.filter(states.as_of == ibis.literal(day)).select(
            "loan_id", balance="principal_balance", five_class="five_class", restructured="is_restructured"
        )
        for day in ends
    )
    money = _money(states, flows, ends)
    keys = ibis.union(first.select("loan_id"), last.select("loan_id"), money.select("loan_id"), distinct=True)
    before = first.select("loan_id", was="five_class", was_balance="balance", was_there=ibis.literal(value=True))
    after = last.select(
        "loan_id", "restructured", now="five_class", now_balance="balance", now_there=ibis.literal(value=True)
    )
    joined = _beside(_beside(_beside(keys, before), after), money)
    unknown = (joined.was_there & (joined.was_balance.isnull() | joined.was.isnull())) | (  # noqa: PD003  (Ibis)
        joined.now_there & (joined.now_balance.isnull() | joined.now.isnull())  # noqa: PD003
    )
    filled = {name: ibis.coalesce(joined[name], 0).cast("decimal(18, 2)") for name in ("drawn", "out", *_WAYS)}
    return joined.mutate(
        opening=ibis.coalesce(joined.was_balance, 0).cast("decimal(18, 2)"),
        closing=ibis.coalesce(joined.now_balance, 0).cast("decimal(18, 2)"),
        unknown=ibis.coalesce(unknown, ibis.literal(value=False)).cast("int64"),
        **filled,
    )


def _money(states: ir.Table, flows: ir.Table | None, ends: tuple[date, date]) -> ir.Table:
    """One row is a loan: what was lent, paid back and disposed of in the period."""
    if flows is None:
        nobody = states.filter(ibis.literal(value=False)).select("loan_id")
        return nobody.mutate(**dict.fromkeys(("drawn", "out", *_WAYS), ibis.literal(0).cast("decimal(18, 2)")))
    moved = dated_flows(flows, ends)
    kinds = {kind: moved.amount.sum(where=moved.kind == kind) for kind in DISPOSALS}
    return (
        moved.filter(moved.kind.isin(["drawdown", *CASH, *DISPOSALS]))
        .group_by("loan_id")
        .aggregate(
            drawn=moved.amount.sum(where=moved.kind == "drawdown"),
            out=moved.amount.sum(where=moved.kind != "drawdown"),
            cash=moved.amount.sum(where=moved.kind.isin(CASH)),
            **kinds,
        )
    )


def _beside(loans: ir.Table, others: ir.Table) -> ir.Table:
    return loans.left_join(others, "loan_id").drop("loan_id_right")


def _matrix(sums: pd.DataFrame, *, has_flows: bool) -> dict[str, Amount]:
    """Amounts by row and column, such as "3.C"."""
    cells: dict[str, Amount] = {}
    for name, row in _ROW_OF.items():
        own = sums[sums["was"] == name]
        cells |= {f"{row}.A": _total(own["opening"]), f"{row}.B": _total(own["reduced"])}
        cells |= {f"{row}.{letter}": _total(own["kept"][own["now"] == now]) for now, letter in _COLUMN_OF.items()}
    cells |= {f"2.{letter}": _total(sums["lent"][sums["now"] == now]) for now, letter in _COLUMN_OF.items()}
    cells["2.B"] = _total(sums["lent_reduced"]) if has_flows else None
    for letter in "ABCDEFG":
        cells[f"8.{letter}"] = _of(cells, [f"{row}.{letter}" for row in _ROW_OF.values()])
    for row in ("2", *_ROW_OF.values(), "8"):
        cells[f"{row}.H"] = _of(cells, [f"{row}.{letter}" for letter in "CDEFG"])
    for letter in "CDEFGH":
        cells[f"1.{letter}"] = _of(cells, [f"2.{letter}", f"8.{letter}"])
    return cells


def _matrix_block(cells: Cells) -> Block:
    rows = [
        {"code": code, "zh": f"{ROWS[row].zh}·{column.zh}", "en": f"{ROWS[row].en}, {column.en}", "amount": cells[code]}
        for row in ROWS
        for letter, column in COLUMNS.items()
        if (code := f"{row}.{letter}") in cells
    ]
    return Block(code="I", label=Text("贷款质量迁徙情况", "Migration of loan quality"), rows=_frame(rows))


def _transfers(cells: Cells, sums: pd.DataFrame) -> Block:
    to_npl = {name: [f"{_ROW_OF[name]}.{_COLUMN_OF[bad]}" for bad in NPL_CLASSES] for name in _PERFORMING}
    back = {name: [f"{_ROW_OF[name]}.{_COLUMN_OF[good]}" for good in _PERFORMING] for name in NPL_CLASSES}
    rows = [
        _line(f"to_npl_{name}", _named(name, "转为不良", "to NPL"), _of(cells, codes)) for name, codes in to_npl.items()
    ]
    new = [f"2.{_COLUMN_OF[bad]}" for bad in NPL_CLASSES]
    rows += [_line("to_npl_new", Text("本期增加形成不良", "Lent in the period and NPL now"), _of(cells, new))]
    rows += [
        _line(f"to_normal_{name}", _named(name, "转为正常、关注", "to pass and special mention"), _of(cells, codes))
        for name, codes in back.items()
    ]
    cured = sums[sums["was"].isin(NPL_CLASSES) & sums["now"].isin(_PERFORMING)]
    label = Text("其中：重组贷款", "Of which restructured")
    rows += [_line("to_normal_restructured", label, _total(cured["restructured"]))]
    return Block(code="II", label=Text("正常与不良之间的转化", "Between performing and NPL"), rows=_frame(rows))


def _reductions(cells: Cells, sums: pd.DataFrame, *, has_flows: bool) -> Block:
    """How the NPL of the beginning became fewer; what flows do not explain is the last line but one."""
    own = sums[sums["was"].isin(NPL_CLASSES)]
    whole = _of(cells, [f"{_ROW_OF[name]}.B" for name in NPL_CLASSES])
    ways = {kind: _total(own[kind]) if has_flows else None for kind in _WAYS}
    rows = [_line(kind, _WAYS[kind], amount) for kind, amount in ways.items()]
    known = [amount for amount in ways.values() if amount is not None]
    rest = whole - sum(known, _NOTHING) if has_flows and whole is not None else None
    rows += [_line("other", Text("其他（流水未解释）", "Other, not told by flows"), rest)]
    rows += [_line("total", Text("合计", "Total"), whole)]
    return Block(
        code="III", label=Text("年初不良贷款减少情况", "Reductions of the NPL of the beginning"), rows=_frame(rows)
    )


def _disposals(lines: pd.DataFrame, flows: ir.Table | None, ends: tuple[date, date]) -> Block:
    row = {} if lines.empty else lines.iloc[0].to_dict()
    amounts = {kind: -Decimal(row.get(kind, _NOTHING)) for kind in _WAYS}
    rows = [_line(kind, _WAYS[kind], amount) for kind, amount in amounts.items()]
    rows += [_line("total", Text("合计", "Total"), sum(amounts.values(), _NOTHING))]
    label = Text("附：已核销贷款收回", "Memo: recovered after write-off")
    return Block(
        code="IV",
        label=Text("本年不良贷款处置情况", "Disposals of NPL in the period"),
        rows=_frame([*rows, _line("written_off_recovery", label, _recovered(flows, ends))]),
    )


def _recovered(flows: ir.Table | None, ends: tuple[date, date]) -> Amount:
    if flows is None:
        return None
    moved = dated_flows(flows, ends)
    amount = moved.amount.sum(where=moved.kind == "written_off_recovery").to_pyarrow().as_py()
    return _NOTHING if amount is None else Decimal(amount)


def _movements(lines: pd.DataFrame) -> Block:
    label = Text("不良贷款变动（年初、期末两点）", "Movements of the NPL between the two ends")
    return Block(code="V", label=label, rows=return_amounts(lines, LAYOUTS["cn_g12"]))


def _checks(cells: Cells, sums: pd.DataFrame, lines: pd.DataFrame | None) -> Block:
    drawn, out = (_total(sums[name]) if lines is not None else None for name in ("drawn", "out"))
    row = {} if lines is None or lines.empty else lines.iloc[0].to_dict()
    ends = {name: None if lines is None else Decimal(row.get(name, _NOTHING)) for name in ("opening", "closing")}
    bad = {"opening": [f"{_ROW_OF[name]}.A" for name in NPL_CLASSES]}
    bad["closing"] = [f"1.{_COLUMN_OF[name]}" for name in NPL_CLASSES]
    told = (
        ("lent", Text("[2.B]+[2.H]=贷款累放", "[2.B] + [2.H] = lent"), ["2.B", "2.H"], drawn),
        ("paid", Text("[2.B]+[8.B]=贷款累收", "[2.B] + [8.B] = paid back or disposed of"), ["2.B", "8.B"], out),
        ("npl_opening", Text("年初不良=变动表年初", "NPL then = opening of V"), bad["opening"], ends["opening"]),
        ("npl_closing", Text("期末不良=变动表期末", "NPL now = closing of V"), bad["closing"], ends["closing"]),
    )
    rows = [
        _line(f"{code}.{side}", Text(f"{label.zh}：{words.zh}", f"{label.en}: {words.en}"), amount)
        for code, label, codes, right in told
        for side, (words, amount) in _sides(_of(cells, codes), right).items()
    ]
    return Block(code="checks", label=Text("校验", "Checks"), rows=_frame(rows))


def _sides(left: Amount, right: Amount) -> dict[str, tuple[Text, Amount]]:
    difference = None if left is None or right is None else left - right
    return {
        "left": (Text("左", "left"), left),
        "right": (Text("右", "right"), right),
        "difference": (Text("差额", "difference"), difference),
    }


def _named(name: str, zh: str, en: str) -> Text:
    label = FIVE_CLASSES[name]
    return Text(f"年初{label.zh}类{zh}", f"{label.en} {en}")


def _line(code: str, label: Text, amount: Amount) -> dict[str, object]:
    return {"code": code, "zh": label.zh, "en": label.en, "amount": amount}


def _frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["code", "zh", "en", "amount"], dtype=object)


def _total(amounts: pd.Series) -> Decimal:
    return sum((Decimal(amount) for amount in amounts if amount is not None), _NOTHING)


def _of(cells: Cells, codes: Sequence[str]) -> Amount:
    amounts = [cells[code] for code in codes]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, _NOTHING) if len(known) == len(amounts) else None


_PERFORMING = tuple(name for name in FIVE_CLASSES if name not in NPL_CLASSES)
