"""A made-up world in which people differ and one knows why they are late: its tape, and what a policy does there.

Two years of lines, after a year in which the book has settled, and the year after: as it goes on, and with reminders
that halve forgetting from its first month on. A scenario calibrated from the tape alone is asked the same.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.estimation.structural.document import document_of, settings_of
from simulator.estimation.structural.histories import WRITTEN_OFF, Histories, simulated_histories
from simulator.lowering.lower import lower
from simulator.model.layout import F_N_ACCOUNTS, F_N_DPD30, LINE
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import toml

PRIOR = Path(__file__).parents[1] / "scenarios" / "base" / "consumer.toml"
BEFORE, MONTHS, AFTER = 12, 24, 12
WORST = 6  # bucket that stands for itself and beyond
MAPPING = """currency = "CNY"
worst_bucket = 6
[columns]
account_id = "account"
month = "month"
balance = "owed"
limit = "limit"
payment = "paid"
dpd = "days_late"
account = "status"
[account]
open = "active"
lost = "written_off"
"""


class Truth(NamedTuple):
    """30+ by month in the year after the tape, as the world goes on and reminded."""

    late: np.ndarray
    reminded: np.ndarray


def document(forget: float = 0.25, sd: float = 0.2, by_day_30: float = 0.8, buffer: float = 0.5) -> dict[str, Any]:
    """Return the scenario of a world without late stage and loans: people who differ most in what they forget."""
    found = document_of(load_scenario(PRIOR))
    people = found["segment"]["salaried"]
    people["share"]["value"] = 1.0
    people["loan_holders"] = people["score_gini"] = {"value": 0.0}
    people["autopay"] = {"value": 0.5}
    people["forget"] = {"distribution": "beta", "mean": forget, "sd": sd}
    people["buffer"] = {"distribution": "lognormal", "mean": buffer, "sigma": 0.8, "max": 3}
    people["living_cost"] = {"distribution": "beta", "mean": 0.5, "sd": 0.12}
    people["opening"]["line"] = {"value": [0.95, 0.03, 0.02]}
    found["segment"] = {"salaried": people}
    for table, key in (("behaviour", "late"), ("behaviour", "demand")):
        found[table].pop(key)
    found["products"]["line"].pop("conversion")
    for key in ("first_payment_default", "fraud"):
        found["products"]["line"][key] = {"value": 0.0}
    reasons = found["behaviour"]["structural"]
    reasons["will_not"], reasons["shock_probability"] = {"value": 0.002}, {"value": 0.08}
    paid = found["behaviour"]["structural"]["paid_in_month"]
    paid["current"]["forgot"] = {"by_day_7": {"value": by_day_30 / 2}, "by_day_30": {"value": by_day_30}}
    paid["current"]["short"] = {"by_day_7": {"value": 0.1}, "by_day_30": {"value": 0.2}}
    found["economy"]["factor"]["enabled"] = False
    nothing = {"recover_chance": [0.0] * 6, "recover_share": [0.0] * 6}
    found["policy"] = {"lost": {"kind": "write_off", "at_dpd": 180, **nothing}}
    found["portfolio"] = {"borrowers": 2_000, "applicants_per_month": 0}
    for key in ("run_on_months",):
        found.pop(key)
    return found


def lived(document: dict, borrowers: int, seed: int = 7) -> Histories:
    """Return the lives of a world's borrowers up to the end of the tape."""
    settings = _settings(document, borrowers, BEFORE + MONTHS, 1, seed)
    return simulated_histories(lower(settings), WORST, lambda told: told, 1)[0][0]


def truth(document: dict, borrowers: int, seed: int = 7, replications: int = 20) -> Truth:
    """Return the truth of the year after the tape, over other people of the world."""
    remind = {"kind": "reminders", "reach": 1.0, "strength": 0.5, "start": BEFORE + MONTHS + 1}
    reminded = document | {"policy": document["policy"] | {"remind": remind}}
    months = BEFORE + MONTHS + AFTER
    late = [_late(_settings(one, borrowers, months, replications, seed)) for one in (document, reminded)]
    return Truth(*late)


def write(folder: Path, histories: Histories) -> tuple[Path, Path]:
    """Write tape and mapping of the histories' last MONTHS; return their paths."""
    rows = ["account,month,owed,limit,paid,days_late,status"]
    for k in range(len(histories.bucket)):
        for m in range(BEFORE + 1, BEFORE + MONTHS + 1):
            bucket = int(histories.bucket[k, m])
            if bucket < 0:
                break
            lost = bucket == WRITTEN_OFF
            month = m - BEFORE - 1
            when = f"{2023 + month // 12}-{month % 12 + 1:02d}"
            amounts = (np.nan_to_num(part[k, m]) / 100 for part in histories[1:])  # balance, limit, payment
            said = "lost" if lost else "open"
            rows.append(f"{k},{when},{','.join(f'{x:.2f}' for x in amounts)},{0 if lost else 30 * bucket},{said}")
    (folder / "tape.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    return folder / "tape.csv", folder / "map.toml"


def workbook(path: Path, histories: Histories, months: int) -> Path:
    """Write a workbook in Chinese with the last so many months of the tape; return its path."""
    import xlsxwriter

    with xlsxwriter.Workbook(path) as book:
        sheet, row = book.add_worksheet("明细"), 1
        sheet.write_row(0, 0, ("借据号", "账期", "贷款余额", "授信额度", "本期还款", "逾期天数", "账户状态"))
        for k in range(len(histories.bucket)):
            for m in range(BEFORE + MONTHS - months + 1, BEFORE + MONTHS + 1):
                bucket = int(histories.bucket[k, m])
                if bucket < 0:
                    break
                when, lost = m - BEFORE - 1, bucket == WRITTEN_OFF
                amounts = [float(np.nan_to_num(part[k, m])) / 100 for part in histories[1:]]
                days, said = (0, "核销") if lost else (30 * bucket, "正常")
                said_when = f"{2023 + when // 12}年{when % 12 + 1}月"
                sheet.write_row(row, 0, (f"J{k:05d}", said_when, *amounts, days, said))
                row += 1
    return path


def _settings(document, borrowers, months, replications, seed):
    settings = settings_of(document | {"months": months}, "truth")
    more = {"months": months, "replications": replications, "seed": seed}
    more["portfolio"] = settings.portfolio.model_copy(update={"borrowers": borrowers})
    return settings.model_copy(update=more)


def _late(settings):
    """Return float64[month]: 30+ of the open accounts in the year after the tape."""
    flows = engine.run(lower(settings), 2).flows.sum(axis=(0, 1, 3))[:, LINE].astype(float)
    return (flows[:, F_N_DPD30] / flows[:, F_N_ACCOUNTS])[-AFTER:]


def prior_in(folder: Path, document: dict) -> Path:
    """Write the scenario of a world as a prior; return its path."""
    path = folder / "prior.toml"
    path.write_text(toml(document), encoding="utf-8")
    return path
