"""The log of contacts with borrowers in arrears, with a few breaches of conduct put in on purpose."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from analysis.book.demo.calendar import Ints, first_day
from analysis.book.demo.columns import frame, identifiers, labels
from analysis.book.demo.lookups import Lookups
from analysis.book.demo.population import BORROWER_TYPES, NONE
from analysis.book.demo.simulation import Month
from analysis.book.schema import table_schema

CHANNELS = ("phone", "sms", "letter", "visit")
COUNTERPARTIES = ("debtor", "guarantor", "unrelated_third")
OUTCOMES = ("rpc", "ptp", "no_answer", "voicemail")
_CHANNEL_SHARES = np.cumsum([0.70, 0.22, 0.05, 0.03])
_OUTCOME_SHARES = np.cumsum([0.35, 0.20, 0.35, 0.10])
_OPENS, _CLOSES = 9 * 60, 19 * 60 + 30  # minutes of the day in which contacts start
_NIGHT = 22 * 60 + 20
_BUSY_DAY = 27  # of the month, counted from 0; no other contacts fall on it
_MOST = 4  # contacts with a loan's borrower in a month
_PER_DAY = 8  # attempts on one day of a planted breach of the daily limit
_AGENTS = 24


@dataclass
class Log:
    """Numbering of a piece's contacts, and the breaches put in so far."""

    piece: int
    written: int = 0
    breaches: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Contacts:
    """One element is a contact; codes are positions in the tuples above."""

    place: Ints
    day: Ints
    minute: Ints
    channel: Ints
    counterparty: Ints
    outcome: Ints
    agency: Ints
    recorded: Ints


def contact_rows(of: Month, lookups: Lookups, log: Log, last: int, rng: np.random.Generator) -> pa.Table:
    """One row is an attempt to reach a borrower in arrears in this month.

    Args:
        of: the month.
        lookups: the truth as arrays.
        log: the piece's log, which goes on counting.
        last: last month of the book; breaches lie in the months before it.
        rng: source of chance.
    """
    contacts = _drawn(of, lookups, rng)
    conduct = lookups.truth.conduct
    numbers = log.piece * 10**8 + log.written + np.arange(len(contacts.place) + _PER_DAY - 1) + 1
    if log.piece == 0 and last - conduct["months"] < of.month <= last and len(contacts.place) > len(conduct["rules"]):
        contacts = _with_breaches(contacts, numbers, log, of, lookups)
    log.written += len(contacts.place)
    return _frame(contacts, numbers[: len(contacts.place)], of, lookups)


def _drawn(of: Month, lookups: Lookups, rng: np.random.Generator) -> _Contacts:
    late = np.flatnonzero(of.shown & (of.at.behind > 0))
    place = np.repeat(late, np.minimum(1 + rng.poisson(1.2, len(late)), _MOST))
    count = len(place)
    channel = np.searchsorted(_CHANNEL_SHARES[:-1], rng.random(count), side="right")
    guarantor = of.at.is_firm[place] & (rng.random(count) < 0.1)
    agency = rng.integers(0, len(lookups.truth.conduct["agencies"]), count)
    return _Contacts(
        place=place,
        day=first_day(np.full(count, of.month)) + rng.integers(0, _BUSY_DAY, count),
        minute=rng.integers(_OPENS, _CLOSES, count),
        channel=channel,
        counterparty=guarantor.astype(np.int64),
        outcome=np.searchsorted(_OUTCOME_SHARES[:-1], rng.random(count), side="right"),
        agency=np.where(of.at.behind[place] >= 4, agency, NONE),
        recorded=(channel == 0).astype(np.int64),
    )


def _with_breaches(contacts: _Contacts, numbers: Ints, log: Log, of: Month, lookups: Lookups) -> _Contacts:
    """One breach of each rule, among contacts with individuals first."""
    order = np.argsort(of.at.is_firm[contacts.place], kind="stable")
    night, busy, third, silent, unlisted = (int(i) for i in order[:5])
    contacts.channel[[night, busy, third, silent, unlisted]] = 0
    contacts.recorded[[night, busy, third, unlisted]] = 1
    contacts.minute[night] = _NIGHT
    contacts.counterparty[third] = COUNTERPARTIES.index("unrelated_third")
    contacts.recorded[silent] = 0
    contacts.day[busy] = first_day(np.array([of.month]))[0] + _BUSY_DAY
    contacts.agency[unlisted] = len(lookups.truth.conduct["agencies"])
    repeated = np.full(_PER_DAY - 1, busy)
    columns = {k: np.concatenate([v, v[repeated]]) for k, v in vars(contacts).items()}
    first_new = len(contacts.place)
    columns["minute"][first_new:] = _OPENS + 20 * np.arange(_PER_DAY - 1) + 3
    columns["outcome"][first_new:] = OUTCOMES.index("no_answer")
    many = [busy, *range(first_new, first_new + _PER_DAY - 1)]
    found = {"C01": [night], "C02": many, "C05": [third], "C10": [silent], "C11": [unlisted]}
    log.breaches += [{"rule": r, "contacts": [int(n) for n in numbers[rows]]} for r, rows in found.items()]
    return _Contacts(**columns)


def _frame(contacts: _Contacts, numbers: Ints, of: Month, lookups: Lookups) -> pa.Table:
    at, place, conduct = of.at, contacts.place, lookups.truth.conduct
    length = np.where(contacts.channel == 0, 1 + numbers % 7, 0)
    agents = [f"AGENT-{number:02d}" for number in range(_AGENTS)]
    return frame(
        {
            "contact_id": identifiers("C", numbers),
            "borrower_id": identifiers("B", at.borrower[place]),
            "loan_id": identifiers("L", at.loan[place]),
            "agent_id": labels(at.number[place] % _AGENTS, agents),
            "agency_id": labels(contacts.agency, (*conduct["agencies"], conduct["unlisted_agency"])),
            "channel": labels(contacts.channel, CHANNELS),
            "direction": labels(np.zeros(len(place), dtype=np.int64), ("outbound",)),
            "start_ts": _timestamps(contacts.day, contacts.minute),
            "end_ts": _timestamps(contacts.day, contacts.minute + length),
            "contact_point_id": identifiers("P", at.borrower[place] * 10 + contacts.counterparty),
            "counterparty": labels(contacts.counterparty, COUNTERPARTIES),
            "outcome": labels(contacts.outcome, OUTCOMES),
            "recording_id": identifiers("R", np.where(contacts.recorded > 0, numbers, NONE)),
            "script_id": labels(contacts.channel, ("CALL-1", "SMS-1", "LETTER-1", "VISIT-1")),
            "debtor_tz": labels(np.zeros(len(place), dtype=np.int64), ("Asia/Shanghai",)),
            "borrower_type": labels(at.borrower_type[place], BORROWER_TYPES),
        },
        table_schema("contacts"),
    )


def _timestamps(day: Ints, minute: Ints) -> pa.Array:
    minutes = np.datetime_as_string((day * 1440 + minute).astype("datetime64[m]"))
    return pa.array(np.char.add(minutes, ":00+08:00"), pa.string())
