"""The page of a saved run, made again from its files: nothing is simulated.

It is the run's page, by the same code, in any language. A folder that an older version has written, without page.json,
gives a page of what its tables have, which says first what it lacks.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.analysis.measures import answer, shown_in
from simulator.analysis.measures.tables import BY_CAUSE, NUMBERS, SUPERVISORS, SWAPS
from simulator.language.catalogue import noted, retold, say
from simulator.model.errors import UserError
from simulator.model.layout import GRADE_NAMES
from simulator.report import figures, phrasing, worlds
from simulator.report.certainty import certainty
from simulator.report.finding import Command, Finding
from simulator.report.kept import Kept, kept
from simulator.report.paper import Picture, Section, Table, in_each, languages_of, page, sheet
from simulator.report.render import account, caveats, flat, rate_table, render, swap_table, table
from simulator.report.saved_files import told_by_files
from simulator.scenario.scenario import AS_WRITTEN

WITHIN_CHANCE = "within chance"
OF_COMPARISONS = (
    noted("why each variant moves what it moves"),
    noted("changes month by month, and which changes of roll rates and vintages are within chance"),
)
LEFT_OUT = (
    *OF_COMPARISONS,
    noted("how far overdue shares spread over replications"),
    noted("where the loss comes from, by segment and product"),
    noted("coverage by product and stage"),
    noted("the part of the variance that the common factor has"),
)


class Again(Finding):
    """The page of a saved run, made from the files of its folder."""

    @told_by_files
    def __init__(self, study, excel: bool = False, language: str | None = None):
        """Take a study that was loaded; with `excel` its workbook is written too.

        The page is in `language`, by default that of the run.
        """
        self.study, self.excel = study, excel
        self.languages = languages_of(study.language if language is None else language)
        options = [*(["--excel"] if excel else []), *(["--language", language] if language is not None else [])]
        self.command = Command(("report", str(study.folder)), tuple(options))

    @property
    def sources(self) -> tuple[Path]:
        """The folder that it is made from."""
        return (self.study.folder,)

    @cached_property
    def kept(self) -> Kept:
        """The comparison, as the files tell it."""
        return kept(self.study)

    @property
    @told_by_files
    def facts(self) -> dict[str, Any]:
        """What the manifest says: that of the run, but for its files and its command."""
        left = ("files", "replay", "command", "date", "versions", "cpu", "system")
        own = {key: value for key, value in self.study.facts.items() if key not in left}
        run = {key: self.study.facts.get(key) for key in ("replay", "date")}
        return {"made_from": {"folder": str(self.study.folder), **run}, **own}

    @property
    @told_by_files
    def cautions(self) -> list[str]:
        """What must be known before any number: of an older folder first what it lacks."""
        return [*self.left_out, *map(retold, self.study.cautions)]

    @property
    @told_by_files
    def answers(self) -> list[str]:
        """The verdict, and how sure it is."""
        everywhere = [worlds.in_words(self.study.verdict_in_every_world, self.study.frame)] if self.study.worlds else []
        return [said for said in (*everywhere, phrasing.verdict(self.kept), certainty(self.kept)) if said]

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [*super().opened, *([(noted("workbook"), "results.xlsx")] if self.excel else [])]

    @property
    def left_out(self) -> list[str]:
        """What the page of the run has and this one has not, in sentences; nothing where they are the same."""
        if self.study.page_data is not None:
            return []
        folder, left = self.study.folder, list(LEFT_OUT if self.study.variants else LEFT_OUT[len(OF_COMPARISONS) :])
        if self.study.worlds:
            left.append(noted("the table of all worlds, side by side"))
        if self.study.frame.draws:
            left.append(
                noted("how often each lender is best, and what is worth knowing (summary.json has the numbers)")
            )
        told = phrasing.joined(map(say, left))
        said = [
            say(
                "{folder} was written by another version, without the page.json that this one reads: from its tables "
                "alone this page does not have {told}.",
                folder=folder,
                told=told,
            )
        ]
        if (folder / "report.html").is_file():
            said.append(say("{path}, which the run itself wrote, has them.", path=folder / "report.html"))
        if strange := [name for name in self.study.measures if name not in self.kept.measures]:
            names = phrasing.in_a_row(strange)
            said.append(say("Measures that this version does not know are left out: {names}.", names=names))
        return said

    @told_by_files
    def page(self, manifest: dict[str, Any]) -> str:
        """Return the page as HTML, with the manifest of the run at its end; of an older folder with `manifest`."""
        if self.study.page_data is None:
            bodies = in_each(self.languages, lambda _: self._sheet(manifest))
            return page(self.study.frame.title, bodies)
        worlds = {AS_WRITTEN: self.kept, **{name: kept(study) for name, study in self.study.worlds.items()}}
        drawn = dict(in_each(self.languages, lambda _: figures.pictures(self.kept)))
        run = {key: value for key, value in self.study.facts.items() if key != "files"}
        return render(self.kept, run, drawn, worlds, self.study.settings, made_from=str(self.study.folder))

    # ---- of an older folder ----------------------------------------------------------------------
    def _sheet(self, manifest: dict[str, Any]) -> str:
        """Return what stands on the page, in the language that is spoken."""
        frame = self.study.frame
        told = [said for said in (phrasing.given_people(self.kept), *self.kept.warnings()) if said]
        warnings = [retold(said) for said in told if said not in self.study.cautions]
        sections = list(self._sections())
        setting = say("{setting}.", setting=phrasing.setting(frame))
        made = phrasing.made_by(self.study.settings.get("author"), self.study.facts.get("date"))
        setting = f"{setting} {made}".strip()
        return sheet(frame.title, setting, self.answers, warnings, sections, flat(manifest), self.cautions)

    @told_by_files
    def write_tables(self, folder: Path) -> None:
        """Write the workbook into `folder`, if it is asked for."""
        if self.excel:
            self.study.to_excel(folder / "results.xlsx", language=self.languages[0])

    def _sections(self) -> Iterator[Section]:
        """Yield what stands on the page, in its order."""
        own = self.kept
        if own.variants:
            yield Section(say("What each variant changes"), words=[_changes(own, variant) for variant in own.variants])
        title = say("The comparison in numbers") if own.variants else say("The run in numbers")
        yield Section(title, tables=_tables(own, [(name, shown_in(name)) for name in NUMBERS]))
        if rows := swap_table(own):
            heads = [phrasing.short(name) for name in phrasing.stated(own, shown_in(SWAPS))]
            swapped = Table((say("accounts of applicants whom"), *heads), [(who, *cells) for who, cells in rows])
            yield Section(say("Who is swapped"), tables=[swapped])
        for picture in self._pictures():
            yield Section(picture.title, pictures=[picture])
        some = [(name, [m for m in shown_in(name) if _has_any(own, m)]) for name in BY_CAUSE]
        if causes := _tables(own, some, phrasing.short):
            yield Section(say("Bad debt, closures and overdue by cause"), tables=causes)
        told = account(own)
        rows = [(label, *amounts) for label, amounts, _ in told["rows"]]
        head = (say("{unit}, mean over replications", unit=told["unit"]), *phrasing.all_named(own))
        yield Section(say("Profit, and how it becomes cash"), tables=[Table(head, rows)])
        if rates := rate_table(own):
            rows = [
                (say("{lender}, {product}", lender=lender, product=product), *cells) for lender, product, cells in rates
            ]
            priced = Table((say("interest a year, by grade"), *GRADE_NAMES), rows)
            yield Section(say("What credit costs the customer"), tables=[priced])
        standing = [_standing(own, name) for name in SUPERVISORS]
        yield Section(say("As supervisors and accountants see it"), tables=standing)
        for name, study in self.study.worlds.items():
            there = kept(study)
            words = [phrasing.verdict(there)] if there.variants else []
            tables = _tables(there, [(section, shown_in(section)) for section in NUMBERS])
            heading = say("World {name}: {title}", name=name, title=study.frame.title)
            yield Section(heading, words=words, tables=tables)
        yield Section(say("What to keep in mind"), words=caveats(own))

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
    clauses = phrasing.joined(phrasing.movement(kept, variant, name) for name in moved)
    return say("{variant}: {clauses}.", variant=phrasing.called(kept, variant, phrasing.quoted), clauses=clauses)


def _tables(kept, of, called=phrasing.label) -> list[Table]:
    """Return a table for each section of measures: values of the baseline, changes of the variants."""
    note = say(
        "First column: values; the others: changes from it, with standard error and 95 % interval; ~: within chance."
    )
    found: list[Table] = []
    for section, rows in table(kept, of, called):
        shown = [
            (label, *((_mark(value, sureness), _about(error, interval)) for value, error, interval, sureness in cells))
            for label, cells in rows
        ]
        found.append(Table((say(section), *phrasing.all_named(kept)), shown))
    if found and kept.variants:
        found[-1] = found[-1]._replace(note=note)
    return found


def _mark(value, sureness) -> str:
    """Return a value with a mark if it is within chance."""
    return f"~{phrasing.NO_BREAK}{value}" if sureness == WITHIN_CHANCE else value


def _about(error, interval) -> str:
    """Return what stands small under a value."""
    return phrasing.joined(one for one in (error, interval) if one and one != say(WITHIN_CHANCE))


def _has_any(kept, measure) -> bool:
    """Return whether some lender has anything of a measure."""
    return measure in kept.measures and any(kept.estimate(name, measure).value for name in kept.ledgers)


def _standing(kept, section) -> Table:
    """Return the measures of a section of supervisors, in words for each lender."""
    names = [name for name in shown_in(section) if name in kept.measures]
    rows = [(phrasing.short(name), *(phrasing.estimate(kept, v, name) for v in kept.ledgers)) for name in names]
    return Table((say(section), *phrasing.all_named(kept)), rows)
