"""Two runs side by side: what differs in their settings, and what becomes of each lender in both."""

import math
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from simulator.analysis.estimates import Difference, Estimate, independent, paired
from simulator.analysis.measures import MEASURES, SHARE, answer
from simulator.analysis.measures.registry import TAIL
from simulator.language.catalogue import ENGLISH, kept, noted, retold, say
from simulator.model.errors import Problem, UserError
from simulator.policy.why import listed
from simulator.report import phrasing
from simulator.report.finding import Command, Finding
from simulator.report.paper import Section, Table, asked, in_each, languages_of, page, sheet
from simulator.report.render import flat
from simulator.report.saved_files import told_by_files
from simulator.scenario.parameters import Differing, Setting, differing, in_words, settings
from simulator.system.arrow_files import write_table

NAMES = ("A", "B")
NAN = float("nan")
LESS = " less "  # between the names of a lender and its reference
UNSAID = ("", SHARE, "count", "number")  # units that say nothing beside their value
MOST_NAMED = 5  # keys of settings that differ, in the answer
MOST_SHOWN = 100  # settings that differ, on the page


class Measured(NamedTuple):
    """A measure of a lender in both runs, and the second less the first."""

    lender: str  # or "cut less baseline", of what a variant brings
    measure: str
    unit: str
    values: tuple[Difference, Difference]  # value, standard error and interval in A and in B
    difference: Difference
    is_paired: bool


class SideBySide(Finding):
    """Two saved runs side by side."""

    @told_by_files
    def __init__(self, a, b, language: str = ENGLISH):
        """Take two studies that were loaded, and the language of the page; UserError if no lender is in both."""
        self.runs, self.languages = (a, b), languages_of(language)
        self.command = Command(("report", *(str(run.folder) for run in self.runs)), tuple(asked(language)))
        self.lenders = [name for name in a.lenders if name in b.lenders]
        if not self.lenders:
            found = f"{listed(a.lenders)}; {listed(b.lenders)}"
            raise UserError(Problem(f"{a.folder}, {b.folder}", "", f"no lender is in both: {found}"))

    @property
    def sources(self) -> tuple[Path, Path]:
        """The folders that it is made from."""
        return self.runs[0].folder, self.runs[1].folder

    @cached_property
    def settings(self) -> list[Differing]:
        """The settings that differ, as each run has them."""
        a, b = (run.settings for run in self.runs)
        return differing(a, b, ranges=any(run.frame.draws for run in self.runs))

    @cached_property
    def why_not_paired(self) -> list[str]:
        """Why the runs do not have the same people and random numbers; empty if they have."""
        a, b = self.runs
        said: list[str] = []
        seeds, counts = (run.facts["seed"] for run in self.runs), [run.frame.replications for run in self.runs]
        if len(set(seeds)) > 1:
            said.append(kept("another seed ({a} and {b})", a=a.facts["seed"], b=b.facts["seed"]))
        if len(set(counts)) > 1:
            said.append(kept("another number of replications ({a:,} and {b:,})", a=counts[0], b=counts[1]))
        if _book(a) != _book(b):
            said.append(kept("another book"))
        if any(run.frame.draws for run in self.runs):
            said.append(kept("numbers in doubt, drawn for each run by itself"))
        return said

    @cached_property
    def measured(self) -> list[Measured]:
        """Every headline measure that both runs state, lender by lender, those of the answer first."""
        told = [run.summary["variants"] for run in self.runs]
        each = ((name, self._names(*(one[name] for one in told))) for name in self.lenders)
        return [
            self._measured(name, measure, [one[name][measure] for one in told]) for name, of in each for measure in of
        ]

    @cached_property
    def effects(self) -> list[Measured]:
        """What each variant that is in both brings, less the same reference, by the measures of the answer."""
        told, found = [run.summary["differences"] for run in self.runs], []
        first = answer(self.runs[0].frame)
        for name in self.lenders:
            reference, other = (run.reference(name) for run in self.runs)
            if reference != other or not all(name in one for one in told):
                continue
            names = [measure for measure in self._names(*(one[name] for one in told)) if measure in first]
            found += [
                self._measured(name, measure, [one[name][measure] for one in told], reference) for measure in names
            ]
        return found

    def _names(self, a, b) -> list[str]:
        """Return the measures that are in two tables of summary.json in the same unit, those of the answer first."""
        first = [name for name in answer(self.runs[0].frame) if name in a]
        known = [name for name in dict.fromkeys((*first, *a)) if name in MEASURES and name in b]
        stated = [name for name in known if a[name]["value"] is not None or b[name]["value"] is not None]
        return [name for name in stated if a[name]["unit"] == b[name]["unit"]]

    def _measured(self, lender, measure, told, reference=None) -> Measured:
        """Return a measure of a lender, or its difference from a reference, in both runs; `told` is of summary.json."""
        a, b = values = _difference(told[0]), _difference(told[1])
        is_paired = not self.why_not_paired and MEASURES[measure].kind != TAIL
        if is_paired:
            found = paired(*(_replications(run, lender, measure, reference) for run in reversed(self.runs)))
        else:
            counts = [run.frame.draws or run.frame.replications for run in self.runs]
            found = independent(Estimate(b.value, b.se), counts[1], Estimate(a.value, a.se), counts[0])
        called = lender if reference is None else f"{lender}{LESS}{reference}"
        return Measured(called, measure, told[0]["unit"], values, found, is_paired)

    # ---- what is said ----------------------------------------------------------------------------
    @property
    @told_by_files
    def facts(self) -> dict[str, Any]:
        """What the manifest says of both runs."""
        return {
            name: {
                "folder": str(run.folder),
                **{key: run.facts[key] for key in ("command", "scenario", "scenario_digest", "seed", "result_digest")},
            }
            for name, run in zip(NAMES, self.runs, strict=True)
        }

    @property
    @told_by_files
    def cautions(self) -> list[str]:
        """What must be known before any number: cautions of both, and what makes their numbers hard to compare."""
        a, b = self.runs
        said = [*a.cautions, *(one for one in b.cautions if one not in a.cautions)]
        said = [say("{name}: {words}", name=_of(one, a.cautions, b.cautions), words=retold(one)) for one in said]
        horizons = [_horizon(run.frame) for run in self.runs]
        if horizons[0] != horizons[1]:
            said.append(say("Amounts are over other months: A {a}; B {b}.", a=horizons[0], b=horizons[1]))
        if a.frame.borrowers != b.frame.borrowers:
            sizes = {"a": a.frame.borrowers, "b": b.frame.borrowers}
            said.append(say("Amounts are of books of other sizes: {a:,} and {b:,} borrowers.", **sizes))
        if a.frame.currency != b.frame.currency:
            each = {"a": a.frame.currency, "b": b.frame.currency}
            said.append(say("Amounts are not laid side by side: A is in {a}, B in {b}.", **each))
        return said

    @property
    @told_by_files
    def answers(self) -> list[str]:
        """What differs, whether the differences are paired, and which lender is best in each."""
        a, b = self.runs
        if a.result_digest == b.result_digest:
            return [
                say("The two runs are the same to the last number (result_digest {digest}).", digest=a.result_digest)
            ]
        said = [self._which()]
        if self.why_not_paired:
            why = phrasing.joined(map(retold, self.why_not_paired))
            said.append(say("Not paired: {why}. Errors of the differences are those of two independent runs.", why=why))
        else:
            said.append(
                say(
                    "Paired: seed {seed}, {n:,} replications and the book are the same, so the same people meet the "
                    "same random numbers in both runs, and differences have the errors of pairs.",
                    seed=a.facts["seed"],
                    n=a.frame.replications,
                )
            )
        return [*said, *self._moved(), *self._verdicts()]

    def _moved(self):
        """Return what becomes of the first lender's loss and value."""
        lender, told = self.lenders[0], {one.measure: one for one in self.measured if one.lender == self.lenders[0]}
        moved = [
            say(
                "{measure} {change} ({sureness})",
                measure=phrasing.label(name),
                change=phrasing.number(one.difference.value, one.difference.se, one.unit, True),
                sureness=say(phrasing.clarity(one.difference) or noted("of one replication each")),
            )
            for name in ("net_loss", *phrasing.BOTH)
            if (one := told.get(name)) and math.isfinite(one.difference.value)
        ]
        if not moved:
            return []
        return [
            say(
                "{lender}, B less A: {moved}.",
                lender=phrasing.named(lender, self.runs[0].frame),
                moved=phrasing.joined(moved),
            )
        ]

    def _which(self):
        """Return how many settings differ, and which, if they are few."""
        keys, n = dict.fromkeys(one.key for one in self.settings), len(self.settings)
        if not 0 < len(keys) <= MOST_NAMED:
            return say("{n:,} setting differs." if n == 1 else "{n:,} settings differ.", n=n)
        names = phrasing.in_a_row(keys)
        return say("{n:,} setting differs: {keys}." if n == 1 else "{n:,} settings differ: {keys}.", n=n, keys=names)

    def _verdicts(self):
        """Return what each run says is best."""
        each = [run.verdict for run in self.runs if run.variants]
        said = [
            say("{name}: {words}", name=name, words=phrasing.verdict_of(run.verdict, len(run.lenders), run.frame))
            for name, run in zip(NAMES, self.runs, strict=True)
            if run.variants
        ]
        if len(each) == 2 and each[0].winner and each[1].winner:
            same = each[0].winner == each[1].winner
            said.append(say("The best lender is the same in both." if same else "The best lender is not the same."))
        return said

    @property
    def left_out(self) -> list[str]:
        """What is in one run alone, or not laid side by side, in sentences."""
        a, b = self.runs
        said = []
        for name, one, other in (("A", a, b), ("B", b, a)):
            alone = [phrasing.named(lender, one.frame) for lender in one.lenders if lender not in other.lenders]
            if alone:
                said.append(say("Only in {name}: {lenders}.", name=name, lenders=phrasing.in_a_row(alone)))
        if worlds := [
            say("{name}: {words}", name=name, words=phrasing.in_a_row(run.worlds))
            for name, run in zip(NAMES, self.runs, strict=True)
            if run.worlds
        ]:
            told = phrasing.joined(worlds)
            said.append(say("Worlds other than the file as written are not laid side by side ({worlds}).", worlds=told))
        compared = {(one.lender, one.measure) for one in self.measured}
        unstated = {
            phrasing.label(name): None
            for run in self.runs
            for lender in self.lenders
            for name in run.summary["variants"][lender]
            if (lender, name) not in compared
        }
        if unstated:
            names = phrasing.in_a_row(unstated)
            said.append(say("Not stated by both runs for every lender: {names}.", names=names))
        said.append(say("Headline measures over all months; others are in comparison.parquet of each run's folder."))
        return said

    @told_by_files
    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""
        titles = in_each(self.languages, lambda _: self._title)
        return page(titles[0][1], in_each(self.languages, lambda _: self._sheet(manifest)))

    @property
    def _title(self) -> str:
        a, b = self.runs
        title = a.frame.title if a.frame.title == b.frame.title else f"{a.frame.title} | {b.frame.title}"
        return say("Two runs side by side: {title}", title=title)

    def _sheet(self, manifest: dict[str, Any]) -> str:
        """Return what stands on the page, in the language that is spoken."""
        settings = [(run.frame.title, phrasing.setting(run.frame), run.folder) for run in self.runs]
        told = [
            say("{name} ({folder}): {title}, {setting}", name=name, folder=folder, title=title, setting=size)
            for name, (title, size, folder) in zip(NAMES, settings, strict=True)
        ]
        brings = list(dict.fromkeys(one.lender for one in self.effects))
        tables = [
            Section(_called(lender, self.runs[0].frame), tables=[self._table(self.measured, lender)])
            for lender in self.lenders
        ]
        tables += [
            Section(_called(name, self.runs[0].frame), tables=[self._table(self.effects, name)]) for name in brings
        ]
        sections = [self._differing(), *tables, Section(say("What is not here"), words=self.left_out)]
        cautions, facts = self.cautions, flat(manifest)
        return sheet(self._title, say(". ").join(told), self.answers, [], sections, facts, cautions)

    def _differing(self):
        """Return the section of settings that differ."""
        rows = self._rows()[:MOST_SHOWN]
        more = len(self.settings) - len(rows)
        note = say("{n:,} more are in settings.parquet.", n=more) if more > 0 else ""
        if not rows:
            return Section(say("Settings that differ"), words=[say("None: both run the same scenario.")])
        head = (say("key"), say("lender"), *NAMES)
        shown = [(key, phrasing.by_key(lender), *values) for key, lender, *values in rows]
        return Section(say("Settings that differ"), tables=[Table(head, shown, note)])

    def _rows(self):
        """Return (key, lender, value in A, value in B) of every setting that differs, in words."""
        return [(one.key, one.lender, _value(one.a), _value(one.b)) for one in self.settings]

    def _table(self, measured, lender):
        """Return what becomes of a lender, or of what it brings, in both runs."""
        rows, is_effect = [], measured is self.effects
        for one in measured:
            if one.lender != lender:
                continue
            values = [
                (phrasing.apart(x.value, x.se, one.unit, is_effect)[0], phrasing.range_of(x, one.unit))
                for x in one.values
            ]
            d = one.difference
            text, _ = phrasing.apart(d.value, d.se, one.unit, difference=True)
            sure = say(phrasing.clarity(d)) + ("" if one.is_paired or self.why_not_paired else say(", not paired"))
            about = phrasing.joined(filter(None, (phrasing.range_of(d, one.unit), sure)))
            rows.append((phrasing.label(one.measure), (text, about), *values))
        note = say(
            "Below each number its 95 % interval. “Clear”: zero is outside it and more than two standard errors away."
        )
        return Table((say("measure"), say("B less A"), *NAMES), rows, note)

    @told_by_files
    def write_tables(self, folder: Path) -> None:
        """Write settings.parquet and measures.parquet into `folder`."""
        import pyarrow as pa

        columns, rows = ("key", "lender", "a", "b"), self._rows()
        names = pa.schema([(name, pa.string()) for name in columns])
        write_table(pa.table([[row[k] for row in rows] for k in range(4)], schema=names), folder / "settings.parquet")
        write_table(self.table, folder / "measures.parquet")

    @property
    def table(self):
        """A row for each lender and measure, a pyarrow.Table; null where a number is not there.

        Columns lender, measure, a, a_se, b, b_se, difference, se, low, high, unit, paired.
        """
        import pyarrow as pa

        rows = [
            {
                "lender": one.lender,
                "measure": one.measure,
                **{f"{name.lower()}{end}": x for name, v in zip(NAMES, one.values, strict=True) for end, x in _ends(v)},
                **{name: _none(getattr(one.difference, at)) for name, at in COLUMNS.items()},
                "unit": one.unit,
                "paired": one.is_paired,
            }
            for one in (*self.measured, *self.effects)
        ]
        numbers = ("a", "a_se", "b", "b_se", *COLUMNS)
        schema = [("lender", pa.string()), ("measure", pa.string()), *((name, pa.float64()) for name in numbers)]
        return pa.Table.from_pylist(rows, pa.schema([*schema, ("unit", pa.string()), ("paired", pa.bool_())]))


COLUMNS = {"difference": "value", "se": "se", "low": "low", "high": "high"}  # of a difference, in the table


def _ends(value):
    """Return the columns of a value: ("", it), ("_se", its error)."""
    return ("", _none(value.value)), ("_se", _none(value.se))


def _none(x):
    return x if math.isfinite(x) else None


def _difference(told) -> Difference:
    """Return a value of summary.json with its interval."""
    value, se, low, high = (NAN if told[name] is None else told[name] for name in ("value", "se", "low", "high"))
    return Difference(value, se, low, high, NAN)


def _replications(run, lender, measure, reference):
    """Return float64[replication] of a measure of a lender, or of its difference from a reference."""
    own = run.samples(lender, measure)
    return own if reference is None else own - run.samples(reference, measure)


def _book(run):
    """Return what says which people are lent to, and which random numbers they meet."""
    frame, tape = run.frame, run.facts.get("tape")
    asked = {one.key: one.value for one in settings({"portfolio": run.settings["portfolio"]})}
    asked = {key: value for key, value in asked.items() if key not in ("portfolio.tape", "portfolio.mapping")}
    return frame.segments, frame.products, frame.borrowers, frame.redraw_people, asked, tape


def _called(name, frame) -> str:
    """Return in words of whom a table is: a lender, or what one brings."""
    first, less, second = name.partition(LESS)
    if not less:
        return phrasing.named(name, frame)
    return say("{first} less {second}", first=phrasing.named(first, frame), second=phrasing.named(second, frame))


def _horizon(frame) -> str:
    slots = {"months": frame.months, "run_off": frame.run_off_months}
    if frame.run_on_months:
        return say("{months} of lending, {run_off} of run-off, {run_on} of run-on", **slots, run_on=frame.run_on_months)
    return say("{months} of lending, {run_off} of run-off", **slots)


def _of(said, *each) -> str:
    """Return whose caution it is."""
    return say(" and ").join(name for name, cautions in zip(NAMES, each, strict=True) if said in cautions)


def _value(one: Setting | None) -> str:
    """Return a value in words, with its unit and its range."""
    if one is None:
        return "–"
    ends = f" [{', '.join(map(in_words, one.range))}]" if one.range else ""
    return f"{in_words(one.value)}{f' {say(one.unit)}' if one.unit not in UNSAID else ''}{ends}"
