"""Rows of the book from a piece's month: snapshots, newly known loans, and flows."""

import numpy as np
import pyarrow as pa

from analysis.book.demo.calendar import Ints, first_day, last_day
from analysis.book.demo.columns import dates, frame, identifiers, labels, money, whole
from analysis.book.demo.lookups import Lookups
from analysis.book.demo.money import Flows, interest_receivable, overdue_principal
from analysis.book.demo.population import BORROWER_TYPES, CHANNELS, NONE, Flags, Places
from analysis.book.demo.simulation import Month
from analysis.book.demo.truth import RATINGS
from analysis.book.schema import snapshot_schema, table_schema
from analysis.terms import CARRIED_ATTRIBUTES, FIVE_CLASSES, FLOW_KINDS

_CLASSES = tuple(FIVE_CLASSES)


def snapshot_rows(of: Month, lookups: Lookups) -> pa.Table:
    """One row is a loan at the month end, with its attributes and prior state, by loan."""
    where = np.flatnonzero(of.shown)
    attributes = attribute_columns(of.at, where, lookups)
    return frame(
        _state(of, where, lookups) | {k: attributes[k] for k in CARRIED_ATTRIBUTES} | _prior(of, where, lookups),
        snapshot_schema(),
    )


def loan_rows(of: Month, lookups: Lookups) -> pa.Table:
    """One row is a loan that the book knows from this month on, by loan."""
    at, where = of.at, np.flatnonzero(of.opened)
    maturity = np.minimum(at.origination[where] - first_day(at.opened[where]), 27) + first_day(
        at.opened[where] + lookups.plan_months[at.plan[where]]
    )
    guarantee = at.collateral[where] == lookups.collaterals.index("guarantee")
    purposes = [product.purpose for product in lookups.truth.products.values()]
    return frame(
        attribute_columns(at, where, lookups)
        | {
            "loan_id": identifiers("L", at.loan[where]),
            "loan_purpose": labels(at.product[where], purposes),
            "channel": labels(at.channel[where], CHANNELS),
            "maturity_date": dates(maturity),
            "contract_rate": pa.array(at.rate[where] / 10_000),
            "repayment_type": labels(at.plan[where], [plan.kind for plan in lookups.truth.plans.values()]),
            "collateral_value": money(at.collateral_value[where], at.collateral_value[where] != NONE),
            "valuation_date": dates(at.origination[where] - 20, at.collateral_value[where] != NONE),
            "guarantor_id": _guarantors(at.borrower[where], guarantee),
            "currency": _constant("CNY", len(where)),
        },
        table_schema("loans"),
    )


def flow_rows(flows: Flows) -> pa.Table:
    """One row is a movement of money, by loan."""
    return frame(
        {
            "loan_id": identifiers("L", flows.loan),
            "date": dates(flows.day),
            "kind": labels(flows.kind, FLOW_KINDS),
            "amount": money(flows.amount),
            "cost": money(flows.cost, flows.cost != NONE),
        },
        table_schema("flows"),
    )


def attribute_columns(at: Places, where: Ints, lookups: Lookups) -> dict[str, pa.Array]:
    """What is known of a loan and its borrower from the first day."""
    industries = [segment.industry_code for segment in lookups.truth.segments.values()]
    return {
        "borrower_id": identifiers("B", at.borrower[where]),
        "group_id": identifiers("G", at.group[where]),
        "borrower_type": labels(at.borrower_type[where], BORROWER_TYPES),
        "enterprise_size": labels(at.size[where], tuple(lookups.truth.sizes)),
        "industry_code": labels(at.segment[where], industries),
        "segment": labels(at.segment[where], lookups.segments),
        "region": labels(at.region[where], tuple(lookups.truth.regions)),
        "product": labels(at.product[where], lookups.products),
        "collateral_type": labels(at.collateral[where], lookups.collaterals),
        "origination_date": dates(at.origination[where]),
        "original_amount": money(at.amount[where]),
    }


def _state(of: Month, where: Ints, lookups: Lookups) -> dict[str, pa.Array]:
    at, days = of.at, of.days_past_due
    accrued = interest_receivable(at, days, of.month)
    return {
        "as_of": dates(last_day(np.full(len(where), of.month))),
        "loan_id": identifiers("L", at.loan[where]),
        "principal_balance": money(of.balance[where]),
        "days_past_due": whole(days[where], pa.int32()),
        "interest_receivable": money(accrued[where]),
        "overdue_principal": money(overdue_principal(at, of.month, lookups)[where]),
        "reported_class": labels(of.reported_class[where], _CLASSES),
        "ifrs9_stage": whole(of.stage[where], pa.int8()),
        "allowance": money(of.allowance[where]),
        "is_restructured": pa.array(at.restructured[where]),
        "restructure_date": dates(at.restructured_on[where]),
        "observation_end": dates(at.observed_until[where]),
        "is_qualified_renewal": pa.array(at.renewal[where]),
        "borrower_rating": labels(at.rating[where], RATINGS),
    }


def _prior(of: Month, where: Ints, lookups: Lookups) -> dict[str, pa.Array]:
    before, known = of.before, of.before.present[where]
    segment = np.where(known, of.at.segment[where], NONE)
    return {
        "prior_as_of": dates(last_day(np.full(len(where), of.month - 1)), known),
        "prior_balance": money(before.balance[where], known),
        "prior_days_past_due": whole(before.days_past_due[where], pa.int32(), known),
        "prior_reported_class": labels(np.where(known, before.reported_class[where], NONE), _CLASSES),
        "prior_segment": labels(segment, lookups.segments),
        "last_over_90_date": dates(of.memory.over_90_on[where]),
        "clean_since": dates(of.memory.clean_since[where]),
    }


def _guarantors(borrower: Ints, guaranteed: Flags) -> pa.Array:
    return identifiers("U", np.where(guaranteed, borrower, NONE))


def _constant(value: str, rows: int) -> pa.Array:
    return labels(np.zeros(rows, dtype=np.int64), (value,))
