"""Loans of the real files at a month end, worked out from the file by pandas alone: `segment`, `balance`, `is_npl`."""

from pathlib import Path

import numpy as np
import pandas as pd


def sba_source(path: Path) -> pd.DataFrame:
    """Loans of the file with dates and whole dollars read."""
    loans = pd.read_csv(path, dtype=str)
    return loans.assign(
        disbursed=pd.to_datetime(loans["DisbursementDate"], format="%m/%d/%Y"),
        gone=pd.to_datetime(loans["ChgOffDate"], format="%d-%b-%y"),
        amount=loans["DisbursementGross"].astype("int64"),
        charged=loans["ChgOffPrinGr"].astype("int64"),
        sector=loans["NAICS"].str[:2],
    )


def sba_usable(source: pd.DataFrame) -> pd.DataFrame:
    """Loans of the file that say when they were disbursed and how they ended."""
    paid = source["MIS_Status"] == "P I F"
    charged_off = (source["MIS_Status"] == "CHGOFF") & source["gone"].notna()
    return source[(paid | charged_off) & source["disbursed"].notna()]


def sba_panel(usable: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Loans that are out at a quarter end; who stopped paying 182 days before the charge-off is late by then."""
    latest = usable.loc[usable["MIS_Status"] == "CHGOFF", "gone"].max()
    bad = usable["MIS_Status"] == "CHGOFF"
    maturity = pd.Series(
        [d + pd.DateOffset(months=int(t)) for d, t in zip(usable["disbursed"], usable["Term"], strict=True)],
        index=usable.index,
    )
    leaves = usable["gone"].where(bad, maturity.clip(upper=latest))
    here = usable[(usable["disbursed"] <= now) & (leaves > now)]
    stops = (here["gone"] - pd.Timedelta(days=182)).clip(lower=here["disbursed"])
    is_bad = here["MIS_Status"] == "CHGOFF"
    line = (stops.where(is_bad, maturity[here.index]) - here["disbursed"]).dt.days
    share = ((now - here["disbursed"]).dt.days / line.where(line > 0)).fillna(1.0).clip(upper=1.0)
    end = here["charged"].where(is_bad, 0)
    return here.assign(
        segment=here["sector"],
        is_npl=is_bad & ((now - stops).dt.days >= 90),
        balance=here["amount"] - (here["amount"] - end) * share,
    )


def lendingclub_source(path: Path) -> pd.DataFrame:
    """Loans of the file under the names they have in a book."""
    loans = pd.read_parquet(path)
    return loans.assign(
        loan_id="LC-" + loans["row_id"].astype("str"), is_bad=loans["loan_status"].str.endswith("Charged Off")
    ).set_index("loan_id")


def lendingclub_panel(source: pd.DataFrame, month: str) -> pd.DataFrame:
    """Loans that are out at the end of a month, by period arithmetic and numpy's financial form."""
    now = pd.Period(month)
    issued = pd.to_datetime(source["issue_d"]).dt.to_period("M")
    paid = pd.to_datetime(source["last_pymnt_d"]).dt.to_period("M").where(source["last_pymnt_d"].notna(), issued)
    age = np.array([(now - start).n for start in issued])
    life = np.array([(end - start).n for end, start in zip(paid, issued, strict=True)])
    gone = life + np.where(source["is_bad"], 5, 0)
    rate, amount = source["int_rate"].to_numpy() / 12, source["funded_amnt"].to_numpy(dtype=float)
    months = np.maximum(source["term"].astype(int).to_numpy(), life)
    payment = amount * rate / (1 - (1 + rate) ** -months)
    balance = amount * (1 + rate) ** age - payment * ((1 + rate) ** age - 1) / rate
    # The schedule of a charged-off loan is scaled to the principal it paid in the end.
    paid_by_schedule = amount - (amount * (1 + rate) ** life - payment * ((1 + rate) ** life - 1) / rate)
    received = source["total_rec_prncp"].to_numpy()
    scaled = amount - (amount - balance) * np.divide(received, paid_by_schedule, where=life > 0, out=received * 0)
    owed = np.where(source["is_bad"], scaled, balance)
    panel = source.assign(
        segment=source["purpose"],
        is_npl=source["is_bad"].to_numpy() & (age - life >= 4),
        balance=np.where(age < life, owed, amount - received),
    )
    return panel[(age >= 0) & (age < gone)]


def card_panel(statuses: pd.DataFrame, holders: pd.DataFrame) -> pd.DataFrame:
    """Accounts that owe something in the file's last month; statuses 3 to 5 are more than 90 days past due."""
    now = statuses[(statuses["MONTHS_BALANCE"] == 0) & ~statuses["STATUS"].isin(["C", "X"])]
    incomes = holders.set_index("ID")["NAME_INCOME_TYPE"]
    return now.assign(
        segment=now["ID"].map(incomes).fillna("unknown").astype("str"), is_npl=now["STATUS"].isin(["3", "4", "5"])
    )
