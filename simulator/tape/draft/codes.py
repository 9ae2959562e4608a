"""What a status code may mean, by its text and by what comes after it."""

import re
from collections import Counter
from typing import NamedTuple

import numpy as np

from simulator.model.layout import BUCKETS

TOP = 7  # the bucket at which numbers that say how late are taken together
STUCK = 0.9  # share of a late code that has it again a month later, from which that is asked about
FOLLOWERS = 3  # codes that are told of what comes after
_RANGE = re.compile(
    r"(?:dpd|逾期)?\s*(\d{1,4})\s*(?:-|~|–|to|至|到)\s*(\d{1,4})\s*(?:days?|dpd|天|日)?(?:\s*past due)?", re.I
)
_MORE = re.compile(
    r"(?:>=?|逾期|over |more than )?\s*(\d{1,4})\s*(\+|plus|天以上|以上|days?|天)*(?:\s*past due)?", re.I
)
_WHOLE = re.compile(r"\d{1,6}")
_STAGE = re.compile(r"m(\d{1,2})\+?", re.I)
WORDS = (  # pattern, what it means, whether it is asked about
    (r"written.?off|charged?.?off|write.?off|w/?o|核销|坏账|呆账", '{ account = "written_off" }', False),
    (r"paid.?off|fully.?paid|settled|closed|repaid|prepaid|matured|结清|已结清|还清|销户|关闭"
        r"|终止", '{ account = "paid_off" }', False),
    (r"current|ok|good|normal|performing|regular|up.to.date|no.?dpd|not.?(late|overdue)|正常|未逾期|在贷", 0, False),
    (r"in.?grace.*|宽限期?", 0, True),
    (r"pass", 0, True), (r"special.?mention|关注", 1, True), (r"sub-?standard|次级", 3, True),
    (r"doubtful|可疑", 4, True), (r"loss|损失", 5, True), (r"default(ed)?|npl|违约|不良", 3, True),
    (r"late|overdue|delinquent|past.?due|逾期", 1, True),
    (r"w", '{ account = "written_off" }', True), (r"p|c", '{ account = "paid_off" }', True),
)  # fmt: skip


class Meaning(NamedTuple):
    """What the entry of a code says, and what is to be asked about it."""

    entry: str
    question: str = ""


def meaning_of(code: str, stays: float | None = None, by_days: bool = False) -> Meaning:
    """Return the meaning of one code that is no number.

    `stays` is the share of its rows that has it again a month later, None where nobody knows; `by_days` whether days
    past due stand beside it, which then say how late an account is that has not ended.
    """
    found = _meaning_of(code, stays)
    return Meaning("{ dpd = true }") if by_days and "bucket" in found.entry else found


def _meaning_of(code: str, stays: float | None) -> Meaning:
    word = code.strip().lower()
    if not word or word in ("x", "na", "n/a", "unknown", "未知", "null"):
        return Meaning("{ leave_out = true }", "says nothing of the account? its rows are left out")
    if found := _RANGE.fullmatch(word):
        return Meaning(_state(code, int(found[1]) // 30))
    if found := _STAGE.fullmatch(word):
        bucket = max(int(found[1]) - 1, 0)
        return Meaning(_state(code, bucket), f"M{found[1]} as {_days(bucket)}: a bucket is 30 days past due")
    for pattern, said, asked in WORDS:
        if re.fullmatch(pattern, word):
            if isinstance(said, int):
                return Meaning(_state(code, said), f"{_days(said)}?" if asked else "")
            if asked and stays is not None and stays < 0.9:
                return Meaning(_state(code, 0), "it goes on to other codes, so no end: current?")
            return Meaning(said, "it never leaves: is that how accounts end?" if asked else "")
    if found := _MORE.fullmatch(word):
        return Meaning(_state(code, (int(found[1]) + word.startswith(">") - word.startswith(">=")) // 30))
    return Meaning("{ leave_out = true }", "what does it mean? its rows are left out")


def of_numbers(codes: list[str], after: "After", by_days: bool = False) -> dict[str, Meaning]:
    """Return the meaning of codes that are whole numbers, by entry of the mapping; `by_days` as above.

    That they count months is asked once, at the first late one, and again where they do not move so: a code that more
    accounts enter from 0 than from the code below it, and one that hardly moves.
    """
    numbers = sorted(int(code) for code in codes)
    if by_days:
        return {str(number): Meaning("{ dpd = true }") for number in numbers}
    in_days = max(numbers) >= 30 and all(number % 30 == 0 for number in numbers)
    late = [number for number in numbers if number > 0]
    made: dict[str, Meaning] = {}
    for number in numbers:
        bucket = max(number // 30 if in_days else number, 0)
        asked = "below 0: not late?" if number < 0 else ""
        if late and number == late[0] and not in_days:
            asked = f"{number} and more are months late, {number} for {_days(bucket)}?"
        elif number > 1 and not in_days:
            if after.pairs["0", str(number)] > after.pairs[str(number - 1), str(number)]:
                asked = f"more accounts enter it from 0 than from {number - 1}: {_days(bucket)}?"
            elif (after.stays(str(number)) or 0) > STUCK:
                asked = "it hardly moves: is it a stage of being late?"
        if bucket >= TOP and not in_days:
            made[f">={number}"] = Meaning(f"{{ bucket = {min(bucket, BUCKETS - 1)} }}", asked)
            break
        made[str(number)] = Meaning(f"{{ bucket = {min(bucket, BUCKETS - 1)} }}", asked)
    return made


def _state(code: str, bucket: int) -> str:
    import json

    return f"{{ state = {json.dumps(code.strip(), ensure_ascii=False)}, bucket = {min(bucket, BUCKETS - 1)} }}"


def _days(bucket: int) -> str:
    return f"{30 * bucket} to {30 * bucket + 29} days past due"


class After(NamedTuple):
    """Pairs of codes of the same account in two months next to each other."""

    pairs: Counter  # (code, the next one or None): rows; None: no row though the tape goes on

    @classmethod
    def of(cls, code: np.ndarray, account: np.ndarray, month: np.ndarray, texts: list[str]) -> "After":
        """Count them; `code` numbers `texts`, `month` counts months."""
        order = np.lexsort((month, account))
        code, account, month = code[order], account[order], month[order]
        follows = np.zeros(len(code), dtype=bool)
        follows[:-1] = (account[1:] == account[:-1]) & (month[1:] == month[:-1] + 1)
        after = np.where(follows, np.append(code[1:], 0), -1)
        told = follows | (month < month.max(initial=0))
        cells, count = np.unique(code[told] * (len(texts) + 1) + after[told] + 1, return_counts=True)
        pairs: Counter = Counter()
        for cell, n in zip(cells.tolist(), count.tolist(), strict=True):
            to = cell % (len(texts) + 1) - 1
            pairs[texts[cell // (len(texts) + 1)], texts[to] if to >= 0 else None] += n
        return cls(pairs)

    def of_code(self, code: str) -> Counter:
        """Return what comes after a code."""
        return Counter({to: n for (own, to), n in self.pairs.items() if own == code})

    def stays(self, code: str) -> float | None:
        """Return the share that has the code again, of those with a row a month later; None of nobody."""
        after = self.of_code(code)
        seen = after.total() - after[None]
        return after[code] / seen if seen else None

    def words(self, code: str) -> str:
        """Return in words what comes after a code."""
        after = self.of_code(code)
        total = after.total()
        if not total:
            return ""
        told = [
            f"{to or '(blank)' if to is not None else 'no row'} {n / total:.0%}"
            for to, n in after.most_common(FOLLOWERS)
        ]
        return "; a month later " + ", ".join(told)

    def leaps(self, sign: int) -> int:
        """Return how many moves between late codes, of whole numbers, are by more than one: up for 1, down for -1.

        Nobody gets later by more than a month in a month; who pays may get better by any.
        """
        pairs = ((own, to, n) for (own, to), n in self.pairs.items() if to and _WHOLE.fullmatch(own + to))
        return sum(n for own, to, n in pairs if min(int(own), int(to)) >= 1 and sign * (int(to) - int(own)) > 1)
