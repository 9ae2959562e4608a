"""The page of a saved run, made again from its files: nothing is simulated, and what no file has is said."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.analysis.measures import answer, shown_in
from simulator.analysis.measures.tables import BY_CAUSE, NUMBERS, SUPERVISORS, SWAPS
from simulator.model.errors import UserError
from simulator.model.layout import GRADE_NAMES
from simulator.report import figures, phrasing, worlds
from simulator.report.certainty import certainty
from simulator.report.finding import Command, Finding
from simulator.report.kept import Kept
from simulator.report.paper import Picture, Section, Table, paper
from simulator.report.render import account, caveats, flat, rate_table, swap_table, table

NOT_HERE = "What is not on this page"  # the heading of what the files do not have
WITHIN_CHANCE = "within chance"
LEFT_OUT = (  # first of comparisons alone
    "why each variant moves what it moves",
    "where the loss comes from, by segment and product",
    "coverage by product and stage",
    "the part of the variance that the common factor has",
)


class Again(Finding):
    """The page of a saved run, made from the files of its folder."""

    def __init__(self, study, excel: bool = False):
        """Take a study that was loaded; with `excel` its workbook is written too."""
        self.study, self.excel = study, excel
        self.command = Command(("report", str(study.folder)), ("--excel",) if excel else ())

    @cached_property
    def kept(self) -> Kept:
        """The comparison, as the files tell it."""
        return Kept(self.study)

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says: that of the run, but for its files and its command."""
        left = ("files", "replay", "command", "versions", "cpu", "system")
        own = {key: value for key, value in self.study.facts.items() if key not in left}
        return {"made_from": {"folder": str(self.study.folder), "replay": self.study.facts["replay"]}, **own}

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return self.study.cautions

    @property
    def answers(self) -> list[str]:
        """The verdict, and how sure it is."""
        everywhere = [worlds.in_words(self.study.verdict_in_every_world)] if self.study.worlds else []
        return [said for said in (*everywhere, phrasing.verdict(self.kept), certainty(self.kept)) if said]

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [*super().opened, *([("workbook", "results.xlsx")] if self.excel else [])]

    @property
    def left_out(self) -> list[str]:
        """What the page of the run has and this one has not, in sentences."""
        told = list(LEFT_OUT if self.study.variants else LEFT_OUT[1:])
        if self.study.worlds:
            told.append("the table of all worlds, side by side")
        if self.study.frame.draws:
            told.append("how often each lender is best, and what is worth knowing (summary.json has the numbers)")
        said = [f"This page is made from the files of {self.study.folder}, which do not have: {'; '.join(told)}."]
        if (self.study.folder / "report.html").is_file():
            said.append(f"{self.study.folder / 'report.html'}, which the run itself wrote, has them.")
        if strange := [name for name in self.study.measures if name not in self.kept.measures]:
            said.append(f"Measures that this version does not know are left out: {', '.join(strange)}.")
        return said

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the page as HTML; `manifest` is shown at its end."""
        kept, frame = self.kept, self.study.frame
        told = [said for said in (phrasing.given_people(kept), *kept.warnings()) if said]
        warnings = [said for said in told if said not in self.cautions]
        sections = [*self._sections(), Section(NOT_HERE, words=self.left_out)]
        setting = f"{phrasing.setting(frame)}. Made again from the files of {self.study.folder}; see “{NOT_HERE}”."
        return paper(frame.title, setting, self.answers, warnings, sections, flat(manifest), self.cautions)

    def write_tables(self, folder: Path) -> None:
        """Write the workbook into `folder`, if it is asked for."""
        if self.excel:
            self.study.to_excel(folder / "results.xlsx")

    # ---- sections --------------------------------------------------------------------------------
    def _sections(self) -> Iterator[Section]:
        """Yield what stands on the page, in its order."""
        kept = self.kept
        if kept.variants:
            yield Section("What each variant changes", words=[_changes(kept, variant) for variant in kept.variants])
        title = "The comparison in numbers" if kept.variants else "The run in numbers"
        yield Section(title, tables=_tables(kept, [(name, shown_in(name)) for name in NUMBERS]))
        if rows := swap_table(kept):
            heads = [phrasing.short(name) for name in phrasing.stated(kept, shown_in(SWAPS))]
            swapped = Table(("accounts of applicants whom", *heads), [(who, *cells) for who, cells in rows])
            yield Section("Who is swapped", tables=[swapped])
        for picture in self._pictures():
            yield Section(picture.title, pictures=[picture])
        some = [(name, [m for m in shown_in(name) if _has_any(kept, m)]) for name in BY_CAUSE]
        if causes := _tables(kept, some, phrasing.short):
            yield Section("Bad debt, closures and overdue by cause", tables=causes)
        told = account(kept)
        rows = [(label, *amounts) for label, amounts, _ in told["rows"]]
        head = (f"{told['unit']}, mean over replications", *kept.ledgers)
        yield Section("Profit, and how it becomes cash", tables=[Table(head, rows)])
        if rates := rate_table(kept):
            rows = [(f"{lender}, {product}", *cells) for lender, product, cells in rates]
            yield Section(
                "What credit costs the customer", tables=[Table(("interest a year, by grade", *GRADE_NAMES), rows)]
            )
        yield Section("As supervisors and accountants see it", tables=[_standing(kept, name) for name in SUPERVISORS])
        for name, study in self.study.worlds.items():
            there = Kept(study)
            words = [phrasing.verdict(there)] if there.variants else []
            tables = _tables(there, [(section, shown_in(section)) for section in NUMBERS])
            yield Section(f"World {name}: {study.frame.title}", words=words, tables=tables)
        yield Section("What to keep in mind", words=caveats(kept))

    def _pictures(self) -> list[Picture]:
        """Return the pictures that can be drawn from the files."""
        drawn = []
        for name in figures.DRAWN:
            with suppress(UserError):  # an older folder, without a file that it takes
                drawn.append(figures.draw(self.kept, name))
        return [picture for picture in drawn if picture]


def _changes(kept, variant) -> str:
    """Return in one sentence what moves under a variant."""
    moved = phrasing.stated(kept, answer(kept.frame))
    return f"{phrasing.called(kept, variant)}: {'; '.join(phrasing.movement(kept, variant, name) for name in moved)}."


def _tables(kept, of, called=phrasing.label) -> list[Table]:
    """Return a table for each section of measures: values of the baseline, changes of the variants."""
    note = "First column: values; the others: changes from it, with standard error and 95 % interval; ~: within chance."
    found: list[Table] = []
    for section, rows in table(kept, of, called):
        shown = [
            (label, *((_mark(value, sureness), _about(error, interval)) for value, error, interval, sureness in cells))
            for label, cells in rows
        ]
        found.append(Table((section, *kept.ledgers), shown))
    if found and kept.variants:
        found[-1] = found[-1]._replace(note=note)
    return found


def _mark(value, sureness) -> str:
    """Return a value with a mark if it is within chance."""
    return f"~{phrasing.NO_BREAK}{value}" if sureness == WITHIN_CHANCE else value


def _about(error, interval) -> str:
    """Return what stands small under a value."""
    return "; ".join(one for one in (error, interval) if one and one != WITHIN_CHANCE)


def _has_any(kept, measure) -> bool:
    """Return whether some lender has anything of a measure."""
    return measure in kept.measures and any(kept.estimate(name, measure).value for name in kept.ledgers)


def _standing(kept, section) -> Table:
    """Return the measures of a section of supervisors, in words for each lender."""
    names = [name for name in shown_in(section) if name in kept.measures]
    rows = [(phrasing.short(name), *(phrasing.estimate(kept, v, name) for v in kept.ledgers)) for name in names]
    return Table((section, *kept.ledgers), rows)
