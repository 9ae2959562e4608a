"""Small records of every shape that is read, made up, with their mappings and the commands that read them."""

from typing import NamedTuple

from .strange import GOOD

_LOANS = """
title = "A book of lines and loans"
months = 12
portfolio.borrowers = 10
behaviour.model = "structural"
[segment.all]
share = 1.0
line_holders = 1.0
loan_holders = 0.5
line_limit = 10_000
loan_limit = 10_000
loan_ticket = 3000
income = 5000
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.1
[products.loan]
interest_rate = { value = 0.0005, unit = "per day" }
"""
STATES = """currency = "CNY"
[columns]
account_id = "account"
month = "month"
balance = "owed"
limit = "limit"
payment = "paid"
status = "status"
[status]
0 = { bucket = 0 }
1 = { bucket = 1 }
2 = { bucket = 2 }
3 = { bucket = 3, state = "90+" }
4 = { account = "written_off" }
"""
_LATE = (0, 0, 0, 0, 31, 62, 95, 0, 0, 12, 0, 0, 33, 0, 0, 125, 155, 0, 0)


class Shape(NamedTuple):
    """Records of one shape: a header and its rows, what maps them, and the command that reads `tape` and `map.toml`."""

    rows: list[list[str]]
    mapping: dict
    command: tuple[str, ...]
    scenario: str = ""  # book.toml, where the command reads it


def _late(account: int, month: int) -> int:
    return _LATE[(account * 7 + month * (1 + account % 3)) % len(_LATE)]


def _months(count: int) -> list[str]:
    return [f"2024-{month:02}" for month in range(1, count + 1)]


def _panel() -> Shape:
    """Return accounts by month, a row each."""
    rows = [["id", "month", "kind", "grade", "limit", "balance", "late", "paid", "lost", "back", "money"]]
    for account in range(30):
        for number, month in enumerate(_months(6)):
            late = _late(account, number)
            owed = 100 * (account + 1) - 10 * number
            cells = (f"A{account}", month, "card", "ABC"[account % 3], 9000, owed, late, owed // 10 if late == 0 else 0)
            rows.append([*map(str, cells), "0", "0", "CNY"])
    columns = {"account_id": "id", "month": "month", "limit": "limit", "balance": "balance", "dpd": "late"}
    columns |= {"payment": "paid", "written_off": "lost", "recovered": "back", "currency": "money", "segment": "grade"}
    return Shape(rows, {"worst_bucket": 4, "columns": columns}, ("calibrate", "{}", "--mapping", "map.toml"))


def _wide() -> Shape:
    """Return accounts with a column for each month."""
    months = [month.replace("-", "_") for month in _months(5)]
    rows = [["id", "limit", *(f"late_{m}" for m in months), *(f"owed_{m}" for m in months)]]
    for account in range(30):
        late = [_late(account, number) for number in range(len(months))]
        codes = ["W" if days > 150 else str(days // 30) for days in late]
        rows.append([f"A{account}", "9000", *codes, *(str(100 * account + 5) for _ in months)])
    columns = {"account_id": "id", "limit": "limit", "balance": "owed_{year}_{month}", "status": "late_{year}_{month}"}
    status = {str(k): {"state": f"S{k}", "bucket": k} for k in range(5)} | {"W": {"account": "written_off"}}
    return Shape(rows, {"columns": columns, "status": status}, ("calibrate", "{}", "--mapping", "map.toml"))


def _backtest() -> Shape:
    """Return accounts by month, of which the last ones are forecast."""
    panel = _panel()
    return panel._replace(command=("backtest", "{}", "--mapping", "map.toml", "--fit-until", "2024-04"))


def _book() -> Shape:
    """Return the lines of one month, that a scenario starts from."""
    rows = [["id", "limit", "balance", "late", "full"]]
    rows += [[f"A{n}", "9000", str(37 * n), str(_late(n, 0)), "yes" if n % 2 else "no"] for n in range(20)]
    columns = {"account_id": "id", "limit": "limit", "balance": "balance", "dpd": "late", "full_payer": "full"}
    scenario = GOOD.replace("borrowers = 100", 'mapping = "map.toml"')
    return Shape(rows, {"columns": columns}, ("run", "book.toml", "--set", "portfolio.tape={}"), scenario)


def _loans() -> Shape:
    """Return lines and loans of one month with codes, that a scenario starts from."""
    rows = [["id", "who", "kind", "limit", "owed", "code", "state", "due", "left", "behind"]]
    for n in range(20):
        loan, bucket = n % 2 == 1, _late(n, 0) // 30
        cells = (f"A{n}", f"C{n // 2}", "L" if loan else "C", "" if loan else 9000, 50 * n, bucket, "O", 20, n, "")
        rows.append(list(map(str, cells)))
    columns = {"account_id": "id", "borrower_id": "who", "product": "kind", "limit": "limit", "balance": "owed"}
    columns |= {"status": "code", "account": "state", "instalment": "due", "months_left": "left", "arrears": "behind"}
    mapping = {
        "currency": "CNY",
        "columns": columns,
        "product": {"C": "line", "L": "loan"},
        "status": {"0": {"bucket": 0}, "1|2": {"bucket": 1}, ">=3": {"bucket": 3}},
        "account": {"O": "active", "X": "leave_out"},
        "only": {"kind": ["C", "L"]},
    }
    scenario = _LOANS.replace("borrowers = 10\n", 'mapping = "map.toml"\n')
    return Shape(rows, mapping, ("run", "book.toml", "--set", "portfolio.tape={}"), scenario)


def _outcomes() -> Shape:
    """Return loans with how they ended."""
    rows = [["loan", "issued", "class", "amount", "months", "rate", "due", "end", "principal", "interest", "back"]]
    for n in range(100):
        bad, amount = n % 4 == 0, 1000 + 100 * (n % 7)
        principal, interest = (amount // 3, 30) if bad else (amount, 60)
        due = round(amount * 0.01 / (1 - 1.01**-12), 2)
        cells = (f"L{n}", f"2020-{1 + n % 12:02}-01", "AB"[n % 2], amount, 12, 12.0, due, "BAD" if bad else "PAID")
        rows.append([*map(str, cells), str(principal), str(interest), str(50 if bad else 0)])
    columns = {"account_id": "loan", "issued": "issued", "amount": "amount", "term": "months", "rate": "rate"}
    columns |= {"instalment": "due", "status": "end", "principal": "principal", "interest": "interest"}
    columns |= {"recoveries": "back", "segment": "class"}
    mapping = {
        "currency": "USD",
        "outcomes": {"rate_unit": "percent per year", "charge_off_dpd": 90, "recovery_months": 12},
        "columns": columns,
        "status": {"PAID": "paid", "BAD": "charged_off"},
        "segment": {"A": "A", "B": "B"},
    }
    return Shape(rows, mapping, ("calibrate", "{}", "--mapping", "map.toml"))


def _series() -> Shape:
    """Return a loss rate beside unemployment, by quarter."""
    rows = [["quarter", "unemployment", "losses"]]
    for n in range(40):
        up = 5 + ((n * 13) % 17) / 10
        rows.append([f"{2000 + n // 4}Q{1 + n % 4}", f"{up:.1f}", f"{3 + up / 5 + (n % 3) / 10:.2f}"])
    words = ("macro", "{}", "--date", "quarter", "--unemployment", "unemployment", "--rate", "losses")
    return Shape(rows, {}, words)


def _trial() -> Shape:
    """Return the arms of a trial by segment and month, and the scenario that it is read in."""
    rows = [["arm", "segment", "month", "n", "successes"]]
    for number, month in enumerate(_months(2)):
        for segment in ("A", "B"):
            for arm, share in (("control", 0.08), ("reminded", 0.07)):
                rows.append([arm, segment, month, "4000", str(round(4000 * share) + number)])
    policy = '[policy.remind]\nkind = "reminders"\nreach = 1.0\nstrength = { value = 0.1, range = [0.02, 0.3] }\n'
    spends = GOOD.replace("share = 1.0\n", "share = 1.0\nspending = 0.3\nforget = 0.3\nutilisation = 0.4\n", 1)
    words = ("learn", "{}", "--scenario", "book.toml", "--effect", "policy.remind.strength", "--counts", "day1_rate")
    return Shape(rows, {}, (*words, "--borrowers", "2000", "--months", "2", "--replications", "4"), spends + policy)


SHAPES = {
    "panel": _panel,
    "wide panel": _wide,
    "backtest": _backtest,
    "book": _book,
    "book of loans": _loans,
    "outcomes": _outcomes,
    "series": _series,
    "trial": _trial,
}
