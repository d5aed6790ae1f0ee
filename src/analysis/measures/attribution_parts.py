"""What moved a ratio: mix, rate, entry and exit, or a tape that is missing? The arithmetic, exact."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple, dataclass
from fractions import Fraction
from math import prod

from analysis.measures.attribution_methods import logarithmic_mean, method_named

ZERO = Fraction(0)
Key = tuple[object, ...]


@dataclass(frozen=True, kw_only=True)
class Stock:
    """A group at a date: all loans and the bad ones, both by balance [currency] or by count, and its loans."""

    whole: Fraction = ZERO
    bad: Fraction = ZERO
    loans: int = 0

    def __add__(self, other: "Stock") -> "Stock":
        """Both groups together."""
        return Stock(whole=self.whole + other.whole, bad=self.bad + other.bad, loans=self.loans + other.loans)

    @property
    def rate(self) -> Fraction | None:
        """NPL ratio [share]; None if there is nothing to divide by."""
        return self.bad / self.whole if self.whole else None


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A group's parts of a change, in the unit of what changed."""

    volume: Fraction = ZERO
    mix: Fraction = ZERO
    rate: Fraction = ZERO
    interaction: Fraction = ZERO
    entry_exit: Fraction = ZERO
    missing_tape: Fraction = ZERO

    @property
    def total(self) -> Fraction:
        """The group's whole contribution."""
        return sum(astuple(self), ZERO)

    def times(self, scale: Fraction) -> "Parts":
        """Every part times a number."""
        return Parts(**{name: value * scale for name, value in vars(self).items()})


Stocks = Mapping[Key, Stock]


def ratio_parts(
    before: Stocks, after: Stocks, *, method: str = "shapley", missing: Collection[Key] = ()
) -> dict[Key, Parts] | None:
    """Each group's parts of the change of the ratio of all groups together.

    The mix part is relative to the ratio of the whole (the mean of both dates; the first date's where the
    method is classic), so that a group better than the whole lowers the ratio when it grows. A group that
    is there at one date only has the rate it has there, and its mix part is called entry or exit. Groups
    whose tape is missing are left out of both dates; what leaving them out changes is their part.

    Args:
        before: groups at the first date.
        after: groups at the second.
        method: of `attribution_methods.METHODS`.
        missing: groups whose tape is missing at one date.

    Returns:
        parts [share] by group, which sum to the change exactly; None if the ratio is not defined at both dates.

    Raises:
        Misuse: if there is no such method.

    Source: as in `attribution_methods`; mix relative to the whole: G. P. Brinson and N. Fachler (1985), J.
        Portfolio Manag. 11(3):73-76, for returns.
    """
    effects = method_named(method)
    old, new = (_without(stocks, missing) for stocks in (before, after))
    if old.rate is None or new.rate is None:
        return None
    level = _level(old.rate, new.rate, method)
    found = {}
    for key in _keys(before, after, missing):
        first, second = _share_and_rate(before, after, key, (old.whole, new.whole))
        mix, rate = effects(first, second)
        rest = prod(second) - prod(first) - mix - rate
        parts = Parts(mix=mix - (second[0] - first[0]) * level, rate=rate, interaction=rest)
        found[key] = _named(before, after, key, parts)
    return found | dict(_missing_parts(before, after, missing, (old.rate, new.rate)))


def balance_parts(
    before: Stocks, after: Stocks, *, method: str = "shapley", missing: Collection[Key] = ()
) -> dict[Key, Parts] | None:
    """Each group's parts of the change of the bad loans: volume of the whole book, mix, rate.

    Three factors, volume x share x rate. The mix part is relative to the ratio of the whole, and what is
    taken from it is the group's volume part. A group that is there at one date only has one part.

    Args:
        before: groups at the first date.
        after: groups at the second.
        method: of `attribution_methods.METHODS`.
        missing: groups whose tape is missing at one date.

    Returns:
        parts [unit of the stocks] by group, which sum to the change exactly; None if the ratio of the whole
        is not defined at both dates.

    Raises:
        Misuse: if there is no such method.
    """
    effects = method_named(method)
    old, new = (_without(stocks, missing) for stocks in (before, after))
    if old.rate is None or new.rate is None:
        return None
    level = _level(old.rate, new.rate, method)
    found = {}
    for key in _keys(before, after, missing):
        first, second = _share_and_rate(before, after, key, (old.whole, new.whole))
        volume, mix, rate = effects((old.whole, *first), (new.whole, *second))
        average = effects((old.whole, first[0], level), (new.whole, second[0], level))[1]
        rest = new.whole * prod(second) - old.whole * prod(first) - volume - mix - rate
        parts = Parts(volume=volume + average, mix=mix - average, rate=rate, interaction=rest)
        found[key] = _named(before, after, key, parts)
    gone = {key: Parts(missing_tape=after.get(key, Stock()).bad - before.get(key, Stock()).bad) for key in missing}
    return found | gone


def nested_parts(
    before: Stocks, after: Stocks, *, method: str = "shapley", missing: Collection[Key] = ()
) -> dict[Key, Parts]:
    """Parts of the change of the ratio down a hierarchy: the rate part of each group broken down into its own.

    A group's parts are those of its ratio, times what its ratio counts for above. Thus the mix between
    segments is the same whether or not regions are looked at, and a segment's rate part is the sum of what
    lies below it. A group that is there at one date only is not broken down.

    Args:
        before: innermost groups at the first date; a key names the way down to them.
        after: the same at the second.
        method: of `attribution_methods.METHODS`.
        missing: groups of any level whose tape is missing at one date.

    Returns:
        parts [share] by group of every level (a key of one name is of the first level), which together sum to
        the change exactly; empty if the ratio is not defined at both dates.

    Raises:
        Misuse: if there is no such method.
    """
    depth = max((len(key) for key in (*before, *after)), default=0)
    return dict(_below((), ZERO + 1, (rolled_up(before), rolled_up(after), frozenset(missing), method, depth)))


def rolled_up(stocks: Stocks) -> dict[Key, Stock]:
    """Groups of every level of a hierarchy, added up: a key of one name is of the outermost.

    Args:
        stocks: innermost groups; a key names the way down to them.
    """
    rolled: dict[Key, Stock] = {}
    for key, stock in stocks.items():
        for level in range(1, len(key) + 1):
            rolled[key[:level]] = rolled.get(key[:level], Stock()) + stock
    return rolled


def _keys(before: Stocks, after: Stocks, missing: Collection[Key]) -> list[Key]:
    return [key for key in dict.fromkeys([*before, *after]) if key not in missing]


def _without(stocks: Stocks, missing: Collection[Key]) -> Stock:
    return sum((stock for key, stock in stocks.items() if key not in missing), Stock())


def _level(old: Fraction, new: Fraction, method: str) -> Fraction:
    return old if method == "classic" else (old + new) / 2


def _share_and_rate(
    before: Stocks, after: Stocks, key: Key, wholes: tuple[Fraction, Fraction]
) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]:
    # A rate that is not defined at one date is taken from the other.
    then, now = before.get(key, Stock()), after.get(key, Stock())
    rates = [rate for rate in (then.rate, now.rate) if rate is not None] or [ZERO]
    return (then.whole / wholes[0], rates[0]), (now.whole / wholes[1], rates[-1])


def _named(before: Stocks, after: Stocks, key: Key, parts: Parts) -> Parts:
    is_there = all(stocks.get(key, Stock()).whole for stocks in (before, after))
    return parts if is_there else Parts(entry_exit=parts.total)


def _missing_parts(
    before: Stocks, after: Stocks, missing: Collection[Key], rates: tuple[Fraction, Fraction]
) -> Iterator[tuple[Key, Parts]]:
    wholes = [_without(stocks, ()).whole for stocks in (before, after)]
    for key in missing:
        then, now = before.get(key, Stock()), after.get(key, Stock())
        part = (now.bad - now.whole * rates[1]) / wholes[1] - (then.bad - then.whole * rates[0]) / wholes[0]
        yield key, Parts(missing_tape=part)


def _below(
    above: Key, scale: Fraction, book: tuple[Stocks, Stocks, frozenset[Key], str, int]
) -> Iterator[tuple[Key, Parts]]:
    before, after, missing, method, depth = book
    old, new = _below_group(before, above), _below_group(after, above)
    gone = [key for key in _keys(old, new, ()) if key in missing]
    for key, parts in (ratio_parts(old, new, method=method, missing=gone) or {}).items():
        weight = _rate_weight(old, new, key, parts, (method, gone))
        inner = dict(_below(key, scale * weight, book)) if weight and len(key) < depth else {}
        own = Parts(**(vars(parts) | {"rate": ZERO})) if inner else parts
        yield key, own.times(scale)
        yield from inner.items()


def _below_group(levels: Stocks, above: Key) -> dict[Key, Stock]:
    return {key: stock for key, stock in levels.items() if len(key) == len(above) + 1 and key[:-1] == above}


def _rate_weight(old: Stocks, new: Stocks, key: Key, parts: Parts, run: tuple[str, Collection[Key]]) -> Fraction:
    """What a change of the group's ratio counts for in the whole; 0 where it is not to be broken down."""
    method, gone = run
    then, now = old.get(key, Stock()).rate, new.get(key, Stock()).rate
    if key in gone or then is None or now is None:
        return ZERO
    if now != then:
        return parts.rate / (now - then)
    first, second = (stocks[key].whole / _without(stocks, gone).whole for stocks in (old, new))
    return {"classic": first, "lmdi": logarithmic_mean(first, second)}.get(method, (first + second) / 2)
