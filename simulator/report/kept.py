"""A comparison as the files of its folder tell it: all that its page asks, or of an older folder what tables have."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np

from simulator.analysis.cohorts import Entries
from simulator.analysis.comparison import NUMBERS, Comparison, Verdict
from simulator.analysis.errors import PARTS, Errors
from simulator.analysis.estimates import MEAN, Difference, Estimate, Estimates, paired
from simulator.analysis.ledger import TRANSFER_LINES
from simulator.analysis.measures import MEASURES, windows
from simulator.language.catalogue import of_data, spoken
from simulator.model.layout import N_TO, VINTAGES
from simulator.policy.risk_transfer import TRANSFERRED
from simulator.report.page_data import array_of, difference_of, frame_of
from simulator.report.parquet import FROM, TO

NAN = float("nan")
NO_LINES = {*TRANSFERRED, *TRANSFER_LINES}  # lines that are in no file where there are neither insurers nor partners


class KeptLedger:
    """What the files have of a lender's ledger: means over replications, as sums of one replication."""

    def __init__(self, study, variant: str):
        """Take a saved study and which of its lenders this is."""
        self.study, self.variant, self.frame = study, variant, study.frame
        self._once: dict[Callable[[KeptLedger], Any], Any] = {}
        self.months = 1 + study.frame.months + study.frame.run_off_months  # with the opening

    def total(self, line: str) -> np.ndarray:
        """Return float64[1, month] of a line of the whole book, in minor units, month 0 first; 0 where it has none."""
        found = np.zeros((1, self.months))
        if line in NO_LINES and not self.frame.transfers:  # nobody else bears anything: the lender's own is all
            return sum((sign * self.total(part) for part, sign in TRANSFER_LINES.get(line, {}).items()), found)
        rows = self.study.monthly(line).to_pydict()
        for variant, month, value in zip(rows["variant"], rows["month"], rows["value"], strict=True):
            if variant == self.variant and value is not None:
                found[0, month] = value * self.frame.minor_units
        return found

    def once(self, function):
        """Return function(self), worked out at the first call only."""
        if function not in self._once:
            self._once[function] = function(self)
        return self._once[function]

    @cached_property
    def vintages(self) -> np.ndarray:
        """float64[1, entry month, month, 1, 1, name]: the vintages, segments and products together."""
        found = np.zeros((1, self.months, self.months, 1, 1, len(VINTAGES)))
        rows = self._rows(self.study.vintages())
        names = [VINTAGES.index(name) for name in rows["measure"]]
        np.add.at(found, (0, rows["entry_month"], rows["month"], 0, 0, names), _numbers(rows["value"]))
        return found

    @cached_property
    def rolls(self) -> np.ndarray:
        """float64[1, month, 1, 1, from, to, (accounts, balance)]: the roll matrices, segments and products together."""
        found = np.zeros((1, self.months, 1, 1, len(FROM), N_TO, 2))
        rows = self._rows(self.study.rolls())
        begin, end = ([names.index(name) for name in rows[column]] for column, names in (("from", FROM), ("to", TO)))
        for k, column in enumerate(("n_accounts", "balance")):
            np.add.at(found, (0, rows["month"], 0, 0, begin, end, k), _numbers(rows[column]))
        return found

    def _rows(self, table) -> dict[str, list[Any]]:
        """Return the columns of the rows of this lender."""
        import pyarrow.compute as pc

        return table.filter(pc.equal(table["variant"].cast("string"), self.variant)).to_pydict()


class Kept(Comparison):
    """A comparison of which only the files of its folder are there. What they do not have is NaN, or empty."""

    def __init__(self, study):
        """Take a saved study."""
        self.study, self.frame = study, study.frame
        self.ledgers: dict[str, Any] = {name: KeptLedger(study, name) for name in study.lenders}
        self.baseline, self.cautions = study.lenders[0], study.cautions
        self.against = {name: other for name in self.variants if (other := study.reference(name)) != self.baseline}
        grades = study.summary.get("yearly_rates", {})
        self.rates = {v: {product: [*by.values()] for product, by in own.items()} for v, own in grades.items()}
        self.told_of_swapped = study.summary.get("swapped", {})
        self.swaps = cast(Any, dict.fromkeys(self.told_of_swapped))  # of whom: their ledgers are in no file
        self.windows = windows(self.frame)
        self.measures = {name: MEASURES[name] for name in study.measures if name in MEASURES}
        self.policies, self.average, self.crossed, self._known = {}, MEAN, {}, {}

    def samples(self, variant: str, measure: str, window: str = "whole") -> np.ndarray:
        """Return float64[replication] of a headline measure over the whole run; UserError of any other."""
        return self.study.samples(variant, measure)

    def estimate(self, variant, measure, window="whole") -> Estimate:
        """Return one measure's value and standard error."""
        return self.study.estimate(variant, measure, window)

    def interval(self, variant, measure, window="whole") -> tuple[float, float]:
        """Return the 95 % interval of a headline measure; NaN of any other."""
        told = self.study.summary["variants"][variant].get(measure, {})
        low, high = (told.get(end) for end in ("low", "high"))
        return NAN if low is None else low, NAN if high is None else high

    def difference(self, variant, measure, window="whole", against=None) -> Difference:
        """Return `variant` less `against` (its reference).

        Of another lender than its reference what the verdict says, or the replications of a headline measure; else NaN.
        """
        if against in (None, self.reference(variant), variant):
            return self.study.difference(variant, measure, window)
        verdict = self.study.verdict
        for found, value in ((verdict.run_off or verdict, "npv"), (verdict.run_on, "npv_run_on")):
            if found and (found.leader, found.second, value) == (variant, against, measure) and found.difference:
                return found.difference
        if self.frame.draws or window != "whole" or not (self.measures[measure].headline and self.has_replications):
            return Difference(NAN, NAN, NAN, NAN, NAN)
        return paired(self.samples(variant, measure), self.samples(against, measure))

    @property
    def has_replications(self) -> bool:
        """Whether the folder has replications.parquet: older ones have not."""
        return (self.study.folder / "replications.parquet").is_file()

    def errors(self, variant: str, measure: str, against: str | None = None) -> Errors:
        """Return the errors of a headline measure, or of its difference from its reference, by what they come from."""
        told = self.study.summary["variants" if against is None else "differences"].get(variant, {}).get(measure, {})
        if not told or against not in (None, self.reference(variant)):
            return Errors(None, None, None, None, NAN)
        people, luck, factor, parameters = (told.get(f"se_{part}") for part in PARTS)
        return Errors(people, luck, factor, parameters, NAN if told["se"] is None else told["se"])

    def by_month(self, variant: str, measure: str) -> Estimates:
        """Return a measure's value and standard error in each month, from month 1 on."""
        rows = self.study.monthly(measure).to_pydict()
        found = np.full((2, 1 + self.frame.months + self.frame.run_off_months), NAN)
        for name, month, *numbers in zip(rows["variant"], rows["month"], rows["value"], rows["se"], strict=True):
            if name == variant:
                found[:, month] = _numbers(numbers)
        return Estimates(*found[:, 1:])

    def samples_by_month(self, variant: str, measure: str) -> None:
        """Return None: of each month the files have means and standard errors."""
        return None

    def sides(self, variant) -> list[str]:
        """Return which of "out" and "into" anybody is in, of the applicants swapped by a variant."""
        return list(self.told_of_swapped.get(variant, {}))

    def swapped(self, variant, side, measure, window="whole") -> Estimate:
        """Return the value and standard error of a measure of the applicants swapped by a variant."""
        told = self.told_of_swapped[variant][side].get(measure, {"value": None, "se": None})
        return Estimate(*_numbers([told["value"], told["se"]]))

    def shared_variance(self, variant, line) -> float:
        """Return NaN: the halves of the book are in no file."""
        return NAN

    def verdict(self) -> Verdict:
        """Return the verdict that was saved."""
        return self.study.verdict


class KeptPage(Kept):
    """A comparison of which page.json is there too: it answers all that the page asks as the run's own does."""

    def __init__(self, study):
        """Take a saved study that has page data."""
        super().__init__(study)
        self.data: dict[str, Any] = study.page_data
        self.ledgers = dict.fromkeys(self.ledgers)  # their names alone: what is asked of a ledger fails
        del self.policies  # so does what is asked of these
        self.frame = frame_of(self.data["frame"])
        self.cautions = [of_data(said) for said in self.data["cautions"]]
        self.windows = windows(self.frame)
        self._leaders = {
            (*(one[name] for name in ("lender", "against", "measure", "window")),): one for one in self.data["leaders"]
        }

    @property
    def _sentences(self) -> dict[str, Any]:
        """What was told in the language that is spoken."""
        return self.data["sentences"][spoken()]

    def told(self, what: str) -> dict[str, list[str]] | None:
        """Return what each variant "changes", or "why" it differs, as the run told it."""
        return self._sentences[what]

    def of_choice(self) -> list[str]:
        """Return what else is known of choosing between the lenders, as the run told it."""
        return self._sentences["choice"]

    def worth_knowing(self) -> str:
        """Return which numbers are most worth knowing before choosing, as the run told it."""
        return self._sentences["worth_knowing"]

    def would_change(self) -> tuple[list[tuple[str, str, list[str]]], str]:
        """Return what would make another lender the best, as the run told it."""
        told, sought = self._sentences["would_change"]
        return [(measure, home, said) for measure, home, said in told], sought

    def chances_to_be_best(self) -> dict[str, Estimate]:
        """Return how likely each lender is the best when lending ends; nothing without doubt."""
        return {name: Estimate(*array_of(told).tolist()) for name, told in self.data["chances_to_be_best"].items()}

    def difference(self, variant, measure, window="whole", against=None) -> Difference:
        """Return `variant` less `against` (its reference): of another, what is told of leaders."""
        if told := self._leaders.get((variant, against, measure, window)):
            return difference_of(told["difference"])
        return super().difference(variant, measure, window, against)

    def errors(self, variant: str, measure: str, against: str | None = None) -> Errors:
        """Return the errors of a headline measure, or of its difference from its reference or that of a leader."""
        if told := self._leaders.get((variant, against, measure, "whole")):
            people, luck, factor, parameters, se = told["errors"]
            return Errors(people, luck, factor, parameters, NAN if se is None else se)
        return super().errors(variant, measure, against)

    def by_month(self, variant: str, measure: str) -> Estimates:
        """Return a measure's value and standard error in each month, from month 1 on."""
        told = self.data["months"][variant][measure]
        return Estimates(array_of(told["value"]), array_of(told["se"]))

    def spread_by_month(self, variant: str, measure: str, per_cent: Sequence[int]) -> np.ndarray | None:
        """Return float64[per cent, month]: below what so many per cent of the replications are."""
        told = self.data["months"][variant][measure]["spread"]
        return None if told is None else array_of(told)

    def differences_by_month(self, variant: str, measure: str, added_up: bool = False) -> list[Difference]:
        """Return `variant` less its reference in each month; of flows that of what has added up."""
        return [difference_of(told) for told in self.data["changes"][variant][measure]]

    def total(self, lender: str, line: str) -> float:
        """Return a line of the ledger over all months, in the currency: the mean over replications."""
        return self.data["totals"][lender][line]

    def growth(self, lender: str) -> float:
        """Return by how much a lender's own open balance grows from the opening to the end, in the currency."""
        return self.data["growth"][lender]

    def by_cell(self, lender: str, measure: str) -> dict[tuple[str, str], Estimate]:
        """Return one measure's value and standard error by segment and product."""
        cells = self.data["by_cell"][lender][measure]
        return {(segment, product): Estimate(*array_of(told).tolist()) for segment, product, *told in cells}

    def coverage(self, lender: str) -> np.ndarray:
        """Return float64[product, stage]: at which a lender provides for its own book (IFRS 9)."""
        return array_of(self.data["coverage"][lender])

    def roll_rates(self, lender: str, by_balance: bool = False) -> np.ndarray:
        """Return float64[from, to]: the roll rates of all replications together, by accounts or by balance."""
        return array_of(self.data["roll_rates"][lender]["balance" if by_balance else "accounts"])

    def roll_rate_changes(self, variant: str) -> list[list[Difference]]:
        """Return by [from][to] the change of a variant's roll rate by accounts from its reference's."""
        return [[difference_of(told) for told in row] for row in self.data["roll_rate_changes"][variant]]

    def ever_late(self, lender: str) -> dict[Entries, np.ndarray]:
        """Return by when accounts began float64[months on book]: the share that was ever 90 days late."""
        return {(first, last): array_of(told) for first, last, told in self.data["ever_late"][lender]}

    def ever_late_changes(self, variant: str) -> dict[Entries, Difference]:
        """Return by when accounts began the change of that share, when lending ends, from the reference's."""
        return {(first, last): difference_of(told) for first, last, told in self.data["ever_late_changes"][variant]}

    def shared_variance(self, variant, line) -> float:
        """Return the share of the variance of the baseline's net loss that all borrowers have in common."""
        return float(array_of(self.data["shared_variance"]))

    def effect(self, there: Comparison, measure: str, lender: str, window: str = "whole") -> Difference:
        """Return the baseline here less the same in the world as written: a headline measure, over the whole run."""
        told = self.study.summary["effect"][measure]
        return difference_of([told[name] for name in NUMBERS])


def kept(study) -> Kept:
    """Return the comparison of a saved study, with all that its page asks where the folder has page.json."""
    return Kept(study) if study.page_data is None else KeptPage(study)


def _numbers(values) -> np.ndarray:
    """Return numbers of a file, where null stands for NaN."""
    return np.array([NAN if x is None else x for x in values])
