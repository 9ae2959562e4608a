"""What a month of a borrower is called: one table, in which a flow or a status is one line.

Only what the states before and after a month and its flows tell is said. A reason or a number of days that cannot be
told from them is left out, or given as a range.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from string import Formatter
from typing import NamedTuple

import numpy as np

from simulator.model.layout import (
    ACTIVE,
    ARREARS,
    BALANCE,
    BUCKET,
    BUCKETS,
    CANNOT,
    CAUSE,
    CAUSES,
    CLEAN,
    CLOSED,
    CONVERTED,
    CONVERTED_FEE,
    CONVERTED_PART,
    DAYS,
    EMPLOYED,
    EXTERNAL_CREDIT,
    FLOWS,
    FORGOT,
    FROZEN,
    G_MODEL,
    INSTALMENT,
    L_DAY,
    L_USED,
    LEVELS,
    LIMIT,
    LINE,
    LIQUIDITY,
    LOAN,
    MONTHS_LATE,
    MONTHS_LEFT,
    MONTHS_SINCE_FORGOT,
    N_ACCOUNT,
    N_BORROWER,
    N_PRODUCT,
    ONE,
    P_LATE_PART,
    P_MIN_FLOOR,
    P_MIN_SHARE,
    P_SUSPEND,
    PLAN_LEFT,
    PRIORITIES,
    PRODUCTS,
    REPORTED,
    SHORT,
    SOLD,
    STATUS,
    TERMINATED,
    TIE_PART,
    TRIAL_LEFT,
    UNKNOWN,
    V_MIN_SHARE,
    V_PLAN_FORGIVE,
    V_PLAN_MONTHS,
    V_TRIAL_MONTHS,
    WILL_NOT,
    WRITTEN_OFF,
)
from simulator.model.tables import Levers, Tables

WHY = {
    UNKNOWN: "",
    FORGOT: "forgot the bill: ",
    SHORT: "short of cash: ",
    CANNOT: "without income: ",
    WILL_NOT: "would not pay: ",
}
CONTACT = dict(zip(LEVELS, ("text message", "robot call", "call", "letter", "agency", "legal action"), strict=True))


# ---- what is looked at ---------------------------------------------------------------------------
class Rules(NamedTuple):
    """What the texts need to know of a borrower's world in one month besides what happened."""

    structural: bool
    late: np.ndarray  # q31[product, DAYS]: the late charge for that many days
    terms: np.ndarray  # int64[product, N_TERMS], the smallest payment as this month's levers have it
    ladder: np.ndarray  # int64[product, bucket, level, N_LADDER]
    trial: np.ndarray  # int64[product, (V_TRIAL_MONTHS, V_PLAN_MONTHS, V_PLAN_FORGIVE)]
    holds_back: np.ndarray  # bool[bucket]: who is late may pay what falls due alone, whatever they have


def rules_of(tables: Tables, levers: Levers, segment: int, month: int) -> Rules:
    """Return the rules of a segment in a month."""
    terms, share = tables.product[segment].copy(), levers.month[month, segment, :, V_MIN_SHARE]
    terms[:, P_MIN_SHARE] = np.where(share >= 0, share, terms[:, P_MIN_SHARE])
    structural = bool(tables.segment[segment, G_MODEL] == 0)
    trial = levers.month[month, segment][:, [V_TRIAL_MONTHS, V_PLAN_MONTHS, V_PLAN_FORGIVE]]
    tie = tables.tie[min(month, len(tables.tie) - 1)]
    return Rules(structural, tables.late[segment], terms, levers.ladder[month, segment], trial, tie[TIE_PART] > 0)


class Seen:
    """One account in one month: what the states before and after it and its flows tell."""

    def __init__(self, product: int, before, after, flows, rules: Rules):
        """Look at an account; `before` and `after` N_STATE integers, `flows` int64[product, N_FLOWS]."""
        at = N_BORROWER + product * N_ACCOUNT
        self.product, self.before, self.after = product, before, after
        self.was, self.now = before[at : at + N_ACCOUNT], after[at : at + N_ACCOUNT]
        self.flow = dict(zip(FLOWS, flows[product].tolist(), strict=True))
        self._late, self._terms = rules.late[product].tolist(), rules.terms[product].tolist()
        self.may_hold_back = bool(rules.holds_back[self.was[BUCKET]])
        self._levels = rules.ladder[product, self.was[BUCKET]].tolist()
        is_open = ACTIVE <= self.was[STATUS] <= CLOSED
        self.bill = max(self.was[BALANCE], 0) if is_open else 0
        self.paid = self.flow["paid"] - self.flow["recovered_open"]  # by the borrower
        self.missed = self.bill > 0 and self.now[CLEAN] == 0
        # 90 days late nothing is decided on the due date; what comes then is `recovered_open`
        has_late_stage = rules.structural and self._terms[P_LATE_PART] > 0
        self.decides = rules.structural and not (has_late_stage and self.bill > 0 and self.was[MONTHS_LATE] > 0)
        self._trial = rules.trial[product].tolist()
        self.in_trial = self.was[TRIAL_LEFT] > 0 and self._trial[0] > 0 and self.bill > 0
        self.keeps_trial = self.in_trial and not self.flow["n_trials_failed"]
        self.on_time = self.bill > 0 and not self.missed and not self.in_trial
        self.left = self.missed and self.now[STATUS] in (WRITTEN_OFF, SOLD)  # arrears and bucket are cleared then
        self.planned = self.missed and self.flow["n_plans"] > 0  # a plan clears them too
        stays = self.missed and not (self.left or self.planned or self.keeps_trial)
        in_order = stays and self.now[ARREARS] == 0
        took_all = self.flow["recovered_open"] > 0  # collectors
        self.settled = in_order and (took_all or self.flow["n_settlements_kept"] > 0)
        kept_late = self.keeps_trial and self.missed and self.decides
        self.cured = (in_order and not self.settled) or kept_late  # within the month of the missed due
        self.behind = stays and not in_order
        self.collected = sum(self.flow[f"collected_{level}"] for level in LEVELS)
        self.reason = UNKNOWN

    def owed(self) -> int:
        """Return what was owed on the due date: older dues, and this month's (docs/model.md, step 5)."""
        if self.in_trial:
            _, n, forgiven = self._trial
            return max((self.bill - _part(self.bill, forgiven) + n - 1) // n, 1)
        rest, instalments = self.bill - self.was[ARREARS], self.was[PLAN_LEFT] or self.was[MONTHS_LEFT]
        due = self.was[INSTALMENT] if instalments > 1 else rest
        if self.product == LINE and not self.was[PLAN_LEFT]:
            converted, charged = self.was[CONVERTED], self.was[BUCKET] < self._terms[P_SUSPEND]
            apart = min(self.was[CONVERTED_PART], converted) + self.was[CONVERTED_FEE] * (converted > 0 and charged)
            plain = self.bill - max(converted - self.was[CONVERTED_PART], 0) - apart
            due = max(self._terms[P_MIN_FLOOR], _part(plain, self._terms[P_MIN_SHARE]))
            return self.was[ARREARS] + apart + min(due, plain - self.was[ARREARS])
        return self.was[ARREARS] + min(due, rest)

    def late_charge(self) -> int:
        """Return the late charge of the month."""
        return self.flow["fees"] - self.flow["conversion_fees"]

    def paid_extra(self) -> bool:
        """Return whether this is a line that was paid more than it owed: money was left after every due."""
        return self.product == LINE and self.on_time and self.paid > self.owed()

    def paid_in_part(self) -> bool:
        """Return whether it shows that a missed due was paid in part on the due date, all there was."""
        return 0 < self.collected < self.owed() if self.cured else self.paid > 0

    def days_late(self) -> str:
        """Return on which day a missed due was paid: the days that contacts, counts and the late charge allow."""
        days = set(range(1, DAYS))
        served = self.flow["n_contacts_wanted"] == sum(self.flow[f"n_contacts_{name}"] for name in LEVELS)
        for name, level in zip(LEVELS if served else (), self._levels, strict=served):
            if self.flow[f"n_collected_{name}"]:
                days = {level[L_DAY]}
                break
            if self.flow[f"n_contacts_{name}"]:
                days = {day for day in days if day > level[L_DAY]}  # not paid by then
            elif level[L_USED]:
                days = {day for day in days if day <= level[L_DAY]}  # paid by then
                break
        if self.flow["n_cured_7"]:
            days = {day for day in days if day <= 7}
        elif self.flow["n_cured_30"]:
            days = {day for day in days if day > 7}
        if self.reason in (FORGOT, WILL_NOT):  # nothing was paid before, so that the charge is on all that was owed
            days = {day for day in days if _part(self.owed(), self._late[day]) == self.late_charge()} or days
        span = f"{min(days)} to {max(days)}" if len(days) > 1 else f"{min(days)}"
        return f"{span} day{'' if span == '1' else 's'}"

    def fields(self) -> dict[str, int | str]:
        """Return what a text may name: amounts are integers, anything else is text."""
        bucket = self.now[BUCKET]
        return {
            **self.flow,
            "product": PRODUCTS[self.product],
            "bill": self.bill,
            "owed": self.owed(),
            "refund": -self.paid,
            "why": WHY[self.reason],
            "days_late": self.days_late() if self.cured else "",
            "dpd": f"{30 * bucket}{' or more' if bucket == BUCKETS - 1 else ''}",
            "balance": self.now[BALANCE],
            "part": self.now[CONVERTED_PART],
            "conversion_fee": self.now[CONVERTED_FEE],
            "late_charge": self.late_charge(),
            "limit": self.now[LIMIT],
            "limit_was": self.was[LIMIT],
            "instalment": self.now[INSTALMENT],
            "months_left": str(self.now[MONTHS_LEFT]),
            "plan_left": str(self.now[PLAN_LEFT]),
            "trial_left": str(self.now[TRIAL_LEFT]),
        }

    def becomes(self, status: int, *before: int) -> bool:
        """Return whether the account has got `status` this month, from one of `before` if given."""
        return self.now[STATUS] == status != self.was[STATUS] and (not before or self.was[STATUS] in before)


# ---- what is said --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """A text, and when it is said: a flow that is not 0, or a question to `Seen`.

    `often` is the text for quiet months told together: amounts are added, {often} is how often. Without it a month is
    never told together with others. `aside`: by itself not a difference between two variants.
    """

    when: str | Callable[[Seen], bool]
    text: str
    often: str = ""
    aside: bool = False

    def fits(self, seen: Seen) -> bool:
        """Return whether this is to be said of a month."""
        return bool(seen.flow[self.when] if isinstance(self.when, str) else self.when(seen))


def _paid(product, bucket, in_full=None):
    """Return the question: a bill paid at the due date, with or without older dues, in full or not or either."""
    return lambda a: (
        a.on_time
        and a.product == product
        and (a.was[BUCKET] > 0) == bucket
        and in_full in (None, a.paid == a.bill)
        and a.paid >= 0
    )


def _stays_behind(paid):
    """Return the question: a due stays unpaid, after a payment or without one, and the account remains."""
    return lambda a: a.behind and not a.flow["n_jumps"] and (a.paid > 0) == paid


PERSON = (  # said once a month, before the accounts
    Line(lambda a: a.before[EMPLOYED] > a.after[EMPLOYED], "lost the job"),
    Line(lambda a: a.before[EMPLOYED] < a.after[EMPLOYED], "found a job"),
    Line(lambda a: a.before[REPORTED] == 0 < a.after[REPORTED], "reported to the credit bureau"),
    Line(lambda a: a.before[REPORTED] > 0 == a.after[REPORTED], "no longer reported to the credit bureau"),
)
OPENING = (  # how an account stands at the start
    Line(lambda a: ACTIVE <= a.now[STATUS] <= CLOSED and a.product == LINE, "owes {balance}, limit {limit}"),
    Line(lambda a: ACTIVE <= a.now[STATUS] <= CLOSED and a.product == LOAN and a.now[BALANCE] > 0,
         "owes {balance}, {months_left} instalments of {instalment} left"),
    Line(lambda a: ACTIVE <= a.now[STATUS] < CLOSED and a.product == LOAN and a.now[BALANCE] <= 0,
         "none open, up to {limit} to draw"),
    Line(lambda a: ACTIVE <= a.now[STATUS] <= CLOSED and a.now[BUCKET] > 0, "{dpd} days past due"),
    Line(lambda a: a.now[STATUS] == FROZEN, "frozen"),
    Line(lambda a: a.now[STATUS] == CLOSED, "closed"),
    Line(lambda a: a.now[STATUS] == WRITTEN_OFF, "written off before, a claim of {balance}"),
)  # fmt: skip
MONTH = (  # in the order of the month
    Line(lambda a: a.flow["n_applied"] > a.flow["n_declined"] + a.flow["n_not_taken_up"],
         "applied, granted a limit of {limit}"),
    Line("n_declined", "applied, declined"),
    Line("review_cost", "the review costs {review_cost}", aside=True),
    Line("n_not_taken_up", "applied, granted, and did not take it up"),
    Line("n_educated", "taught how to handle money, which costs {education_cost}"),
    Line("n_reminded", "reminded", "reminded {often}", aside=True),
    # the due
    Line(_paid(LINE, False, True), "bill of {paid} paid in full", "bills paid in full {often}, {paid}"),
    Line(_paid(LINE, False, False), "paid {paid} of the bill of {bill}", "part of the bill paid {often}, {paid}"),
    Line(_paid(LOAN, False), "instalment of {paid} paid", "instalment paid {often}, {paid}"),
    Line(_paid(LINE, True), "paid {paid} of the bill of {bill}, nothing overdue any more"),
    Line(_paid(LOAN, True), "paid {paid}, nothing overdue any more"),
    Line(lambda a: a.cured, "{why}{paid} of {bill} paid {days_late} late"),
    Line(_stays_behind(True), "{why}paid {paid} of {owed}, {dpd} days past due"),
    Line(_stays_behind(False), "{why}paid nothing of {owed}, {dpd} days past due"),
    Line(lambda a: a.flow["n_jumps"] > 0 and not a.left, "paid nothing, {dpd} days past due at once"),
    Line(lambda a: (a.left or a.planned or a.settled) and a.paid > 0, "{why}paid {paid} of {owed}"),
    Line(lambda a: (a.left or a.planned or a.settled) and a.paid <= 0, "{why}paid nothing of {owed}"),
    Line("n_settled_early", "{settled_early} repaid early, with money from elsewhere"),
    Line("n_conversions", "{converted} of the bill turned into instalments of {part} and a fee of {conversion_fee}"),
    Line("outside_used", "{outside_used} of it from credit elsewhere"),
    *(Line(f"n_contacts_{level}", f"contacted by {how}", aside=True) for level, how in CONTACT.items()),
    Line("contact_cost", "contacts cost {contact_cost}", aside=True),
    *(Line(f"n_collected_{level}", f"collected by {how} {{collected_{level}}}") for level, how in CONTACT.items()),
    Line("recovered_open", "recovered {recovered_open}, commission {commission}"),
    Line(lambda a: a.paid < 0, "{refund} refunded"),
    Line(lambda a: a.product == LINE and a.was[STATUS] in (ACTIVE, FROZEN, CLOSED) and not a.bill,
         "nothing owed", "nothing owed {often}"),
    Line(lambda a: a.product == LOAN and a.flow["new_credit"],
         "drew a loan of {new_credit} over {months_left} months, instalment {instalment}"),
    Line("interest", "interest {interest}", "interest {interest}"),
    Line("conversion_fees", "fee of converted bills {conversion_fees}", "fee of converted bills {conversion_fees}"),
    Line(lambda a: a.late_charge() > 0, "late charge {late_charge}"),
    Line("interest_not_charged", "interest and charges of {interest_not_charged} not charged"),
    Line(lambda a: a.product == LINE and a.flow["new_credit"], "new spending {new_credit}",
         "new spending {new_credit}"),
    # what the lender does
    *(Line(f"n_closures_{cause}", "closed") for cause in CAUSES),
    Line(lambda a: a.becomes(FROZEN), "frozen"),
    Line(lambda a: a.becomes(ACTIVE, FROZEN), "no longer frozen"),
    Line("n_plans_kept", "plan kept"),
    Line("n_plans_broken", "plan broken"),
    Line(lambda a: a.keeps_trial and not a.cured, "the trial payment of {owed} made"),
    Line("n_trials_failed", "the trial failed"),
    Line("n_trials", "a trial before a plan: {trial_left} payments, and nothing changes until they are made"),
    Line("n_plans", "a plan: {plan_left} instalments of {instalment}, nothing overdue any more"),
    Line("forgiven", "forgiven {forgiven}"),
    Line("n_offers", "a settlement offered", "a settlement offered {often}", aside=True),
    Line("n_settlements", "a settlement agreed"),
    Line("n_settlements_broken", "the settlement broken"),
    Line("settlement_cash", "{settlement_cash} paid under a settlement"),
    Line("n_limit_cut", "limit cut from {limit_was} to {limit}"),
    Line("n_limit_raised", "limit raised from {limit_was} to {limit}"),
    Line("n_closed_by_customer", "closed at the customer's wish"),
    Line("n_closed_idle", "closed, for nobody used it"),
    Line("n_paid_off", "paid off"),
    Line("n_closed_at_zero", "shut, with nothing owed"),
    Line("n_regranted", "opened again with a limit of {limit}"),
    Line("claimable", "claimable from an insurer {claimable}", aside=True),
    Line("n_written_off",
         "written off: {written_off}, of it interest {written_off_interest} and charges {written_off_fees}"),
    Line("n_sold_open", "sold for {sold_open_proceeds} of {sold_open}"),
    Line("n_sold_written_off", "claim of {sold_written_off} sold for {sold_written_off_proceeds}"),
    Line("n_expired", "claim of {expired} expired"),
    Line("recovered", "recovered {recovered}, commission {commission}"),
    Line(lambda a: a.was[STATUS] == a.now[STATUS] == WRITTEN_OFF and not a.flow["recovered"],
         "nothing recovered", "nothing recovered {often}"),
    Line("n_settlements_kept", "settled, with nothing owed any more"),
    Line(lambda a: a.flow["expired"] and not a.flow["n_expired"], "{expired} of the claim given up"),
    Line("recovery_cost", "recovery cost {recovery_cost}", "recovery cost {recovery_cost}", aside=True),
    Line(lambda a: a.becomes(TERMINATED, WRITTEN_OFF) and not (a.flow["n_expired"] or a.flow["n_settlements_kept"]),
         "claim recovered to the end"),
)  # fmt: skip
# Flows that no line names: stocks, counts that a line implies, what follows from flows that are said, and what the
# lender does not see. `n_reported` is said of the person.
SILENT = {
    *("n_accounts", "balance", "limit", "n_dpd30", "balance_dpd30", "n_dpd60", "balance_dpd60", "n_dpd90"),
    *("balance_dpd90", "n_frozen", "n_closed", "n_written_off_book", "balance_written_off_book", "n_granted"),
    *("n_due", "n_missed", "n_cured_7", "n_cured_30", "n_default", "default_balance", "n_applied", "n_jumps"),
    *("balance_claimed", "balance_watched", "balance_probation", "balance_probation_dpd30", "n_idle"),
    *("n_default_granted", "opening_net_loss", "workout_cash", "claimed_net_loss", "borne_back"),
    *("n_dpd1", "balance_dpd1", "balance_dpd1_current"),
    *("n_first_payment_30", "fraud_net_loss", "fees"),  # these are said in two parts
    *("n_plan_months", "n_taken_for_fraud", "n_fraud_caught", "recovered_12", "recovered_24", "recovered_36"),
    *(f"n_contacts_wanted_in_{order}" for order in range(PRIORITIES)),
    *("n_first_30", "n_reported", "n_contacts_wanted", "n_missed_short_high_use", "outside_refused"),
    *(f"{name}_{c}" for name in ("n_missed", "n_dpd30", "n_dpd90", "n_closures_good", "bad_debt") for c in CAUSES),
}


@dataclass(frozen=True)
class Sentence:
    """A line said of one month: `fields` are what its text names; `product` is None for the person."""

    line: Line
    product: int | None
    fields: dict[str, int | str] = field(hash=False)

    def text(self, money: Callable[[int], str]) -> str:
        """Return the text, amounts as `money` writes them."""
        return self.line.text.format_map(_written(self.fields, money))


def of_month(before, after, flows, rules: Rules) -> list[Sentence]:
    """Return what is said of a month between two states; `flows` int64[product, N_FLOWS]."""
    seen = look(before, after, flows, rules)
    said = [Sentence(line, None, {}) for line in PERSON if line.fits(seen[LINE])]
    return said + [_sentence(line, account) for account in seen for line in MONTH if line.fits(account)]


def of_opening(state, flows, rules: Rules) -> list[Sentence]:
    """Return what is said of the accounts at the start."""
    seen = look(state, state, flows, rules)
    return [_sentence(line, account) for account in seen for line in OPENING if line.fits(account)]


def look(before, after, flows, rules: Rules) -> list[Seen]:
    """Return both accounts as seen in a month, with the reason of a missed due where the month tells it."""
    seen = [Seen(product, before, after, flows, rules) for product in range(N_PRODUCT)]
    for account, other in (seen, seen[::-1]):
        if account.missed and account.decides:
            account.reason = _reason(account, other)
    if after[MONTHS_SINCE_FORGOT] == 0:  # something was forgotten this month
        for account, other in (seen, seen[::-1]):
            alone = not (other.missed and other.decides) or other.reason not in (UNKNOWN, FORGOT)
            if account.missed and account.reason == UNKNOWN and account.decides and alone:
                account.reason = FORGOT
    return seen


def _reason(account: Seen, other: Seen) -> int:
    """Return why a due was missed, from what is counted, the cause, part payments, and money that was left."""
    for number, cause in enumerate(CAUSES):
        if account.flow[f"n_missed_{cause}"]:  # counted for accounts that were on time before
            return number
    offered = account.planned and not account.in_trial  # plans are for those who have not got the money
    if offered or account.paid_in_part():
        return SHORT if account.after[EMPLOYED] else CANNOT
    if account.cured and account.paid > account.owed():  # only who forgot pays more than what was owed
        return FORGOT
    if not account.cured and account.was[CAUSE] in (UNKNOWN, FORGOT):
        return account.now[CAUSE]
    after = account.after
    in_hand = after[LIQUIDITY] > 0 and not (other.product == LOAN and other.flow["new_credit"])
    elsewhere = after[EXTERNAL_CREDIT] > 0 and not account.before[REPORTED]  # as it was on the due date
    if after[MONTHS_SINCE_FORGOT] > 0 and not account.may_hold_back and (in_hand or elsewhere or other.paid_extra()):
        return WILL_NOT  # not forgotten, and money was left
    return UNKNOWN


def told(months: list[list[Sentence]], money: Callable[[int], str], both: bool) -> str:
    """Return the sentences of one month, or of several quiet ones together, as a text.

    `both`: the borrower has a line and a loan, so that each is named.
    """
    groups: dict[int | None, dict[Line, list[Sentence]]] = {}
    for sentence in (sentence for month in months for sentence in month):
        groups.setdefault(sentence.product, {}).setdefault(sentence.line, []).append(sentence)
    parts = []
    for product in sorted(groups, key=lambda p: -1 if p is None else p):
        lines = groups[product]
        order = PERSON + OPENING + MONTH
        texts = [
            lines[line][0].text(money) if len(months) == 1 else _together(lines[line], len(months), money)
            for line in sorted(lines, key=order.index)
        ]
        text = "; ".join(texts)
        parts.append(f"{PRODUCTS[product]}: {text}" if both and product is not None else text)
    return ". ".join(part[:1].upper() + part[1:] for part in parts)


def is_quiet(month: list[Sentence]) -> bool:
    """Return whether a month may be told together with its neighbours."""
    return all(sentence.line.often for sentence in month)


def _sentence(line, account):
    fields = account.fields()
    named = {name for text in (line.text, line.often) for _, name, _, _ in Formatter().parse(text) if name}
    return Sentence(line, account.product, {name: fields[name] for name in sorted(named - {"often"})})


def _together(sentences, months, money):
    """Return the text of one line said in some of the `months` quiet months."""
    times = len(sentences)
    often = "every month" if times == months else "once" if times == 1 else f"{times} times"
    amounts = [name for name, value in sentences[0].fields.items() if isinstance(value, int)]
    fields = sentences[0].fields | {name: sum(s.fields[name] for s in sentences) for name in amounts}
    return sentences[0].line.often.format_map(_written(fields | {"often": often}, money))


def _part(amount, share):
    """Return the q31 `share` of `amount`, rounded half up as everywhere (docs/model.md, Numbers)."""
    return (amount * share + (ONE >> 1)) >> 31


def _written(fields, money):
    return {name: money(value) if isinstance(value, int) else value for name, value in fields.items()}
