"""A question from scenario to answer: `simulate` one lender, `compare` all variants, `load_study` what was saved."""

import json
import os
import shlex
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.analysis.comparison import NUMBERS, Comparison, Verdict
from simulator.analysis.errors import crossed_replications
from simulator.analysis.estimates import Difference, Estimate
from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import AXES, MEASURES, measures_of, windows
from simulator.analysis.worlds import VerdictInWorlds, effect, result_digest, summary, verdict_in
from simulator.language.catalogue import ENGLISH, LANGUAGES, of_data, speaking
from simulator.model.errors import Problem, UserError, check_names, names_of, path_of
from simulator.model.observer import SILENT, InTurn, Observer
from simulator.run import run
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import AS_WRITTEN, Scenario
from simulator.scenario.titles import shown_names
from simulator.shards.folder import Shards
from simulator.system.folders import MANIFEST, Place, placed, spoiled
from simulator.system.inputs import reason

if TYPE_CHECKING:  # heavy: imported when a table, a picture or a folder is asked for
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from rich.console import RenderableType

    from simulator.report.again import Again
    from simulator.report.drawing import Drawing
    from simulator.report.paper import Picture
    from simulator.report.side_by_side import SideBySide
    from simulator.report.told import ToldAgain

SIMULATE, COMPARE = "run", "compare"  # the commands that give the same
NAN = float("nan")
NEEDED_FILES = (
    "scenario.toml",
    "summary.json",
    *(f"{t}.parquet" for t in ("comparison", "monthly", "rolls", "vintages")),
)
NEEDED_FACTS = ("months", "run_off_months", "replications", "borrowers", "result_digest", "replay")  # of a manifest
TABLE = {  # columns of comparison.parquet, and their names in `Study.table`
    **{name: name for name in ("variant", "measure", "value")},
    "value_standard_error": "se",
    **{name: name for name in ("difference", "low", "high", "unit")},
}
ScenarioLike = Scenario | str | Path | Mapping[str, Any]


def simulate(
    scenario: ScenarioLike,
    threads: int | None = None,
    observer: Observer | None = None,
    shards: Shards | None = None,
) -> "Study":
    """Return the study of the scenario's baseline alone, over its months; the other arguments as in `compare`."""
    return _asked(SIMULATE, scenario, threads, observer, shards)


def compare(
    scenario: ScenarioLike,
    threads: int | None = None,
    observer: Observer | None = None,
    shards: Shards | None = None,
) -> "Study":
    """Return the study of every variant of the scenario against its baseline, with the run-off months.

    `scenario` is one that was loaded, or what `load_scenario` takes. `threads` (all processors if None or 0) change
    no number. `observer` is told how far the work is. `shards` keep what is lived, until the study is saved, and may be
    lived elsewhere. Raises UserError with everything that is wrong.
    """
    return _asked(COMPARE, scenario, threads, observer, shards)


def _asked(
    command: str, scenario: ScenarioLike, threads: int | None, observer: Observer | None, shards: Shards | None
) -> "Study":
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    compared = command == COMPARE
    observer = SILENT if observer is None else observer
    if not compared and loaded.worlds:
        observer.note(loaded.worlds_left_out)
        loaded = loaded.as_written
    if shards:
        shards.open(loaded, None, command)

    def ask(world: Scenario, told: Observer) -> Study:
        variants, held = (world.variants if compared else {}), len(loaded.every_world)
        crossed = crossed_replications(world.baseline.replications, world.baseline.redraw_people)
        done = run(world, variants, compared, threads, told, crossed=crossed, worlds_held=held, shards=shards)
        return Study(world, done.comparison, {"command": command, "scenario": str(world.path), **done.facts})

    return in_every_world(loaded, observer, ask, shards)


def in_every_world(
    scenario: Scenario,
    observer: Observer,
    ask: Callable[[Scenario, Observer], "Study"],
    shards: Shards | None = None,
) -> "Study":
    """Return the study that `ask` gives of the scenario as written, which holds those of its other worlds.

    All have the same seed: the same people, where they are of the same kind, meet the same random numbers. It holds the
    `shards` that were lived too.
    """
    if not scenario.worlds:
        own = ask(scenario, observer)
        own.shards = shards
        return own
    worlds, studies = scenario.every_world, {}
    told = InTurn(observer, list(worlds))
    for told.name, world in worlds.items():
        studies[told.name] = ask(world, told)
    own = studies.pop(AS_WRITTEN)
    own.hold(studies)
    own.shards = shards
    return own


class Study:
    """A finished question: its numbers as tables, differences with their errors, the verdict, pictures, a folder."""

    shards: Shards | None = None  # that were kept, and go when the study is saved

    def __init__(self, scenario: Scenario, comparison: Comparison, facts: dict[str, Any]):
        """Take what was asked, the ledgers compared, and what a manifest says of how they came about."""
        self._scenario, self._comparison, self.facts = scenario, comparison, facts
        self._worlds: dict[str, Study] = {}

    def hold(self, worlds: "dict[str, Study]") -> None:
        """Take the studies of the other worlds of the scenario, this one being that of its file as written."""
        self._worlds = worlds
        self._scenario = replace(self._scenario, worlds={name: study.scenario for name, study in worlds.items()})
        own = self.facts | {"scenario_digest": self._scenario.digest()}
        elsewhere = {
            name: {key: value for key, value in study.facts.items() if value != own.get(key)}
            | {"result_digest": study.result_digest}
            for name, study in worlds.items()
        }
        self.facts = {**own, "worlds": elsewhere}

    @property
    def worlds(self) -> "dict[str, Study]":
        """The same lenders in the other worlds of the scenario, by name; this study is of the file as written."""
        return self._worlds

    @property
    def scenario(self) -> Scenario:
        """What was asked."""
        return self._scenario

    @property
    def comparison(self) -> Comparison:
        """The ledgers of every lender side by side: what all numbers are made of."""
        return self._comparison

    @property
    def lenders(self) -> list[str]:
        """The names of the baseline and, after it, of the variants."""
        return list(self.comparison.ledgers)

    @property
    def variants(self) -> list[str]:
        """The names of the variants, without the baseline."""
        return self.lenders[1:]

    def reference(self, variant: str) -> str:
        """Return the lender that a variant is compared with: the baseline, or the variant that it stands against."""
        check_names("variant", [variant], self.lenders)
        return self._against.get(variant, self.lenders[0])

    @property
    def _against(self) -> dict[str, str]:
        return self.comparison.against

    @property
    def measures(self) -> list[str]:
        """The names of the measures that this run has."""
        return list(measures_of(self.frame))

    @property
    def windows(self) -> list[str]:
        """The names of the windows of months that flows are summed over."""
        return list(windows(self.frame))

    @property
    def frame(self) -> RunFrame:
        """The sizes of the run: months, segments, products, replications, borrowers, currency."""
        return self.comparison.frame

    @property
    def settings(self) -> dict[str, Any]:
        """Every value in force: the tables of scenario.toml, the scenario with everything resolved."""
        return tomllib.loads(self.scenario.text())

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What summary.json says: headline measures, differences, the verdict."""
        with speaking(ENGLISH):  # as the file has it, whoever reads
            return summary(self._comparisons)

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return self.comparison.cautions

    @property
    def result_digest(self) -> str:
        """The SHA-256 of every stored number, the same for the same question on any machine."""
        return result_digest(self._comparisons)

    @property
    def _comparisons(self) -> dict[str, Comparison]:
        """The comparison of every world, first that of the file as written."""
        return {AS_WRITTEN: self.comparison, **{name: study.comparison for name, study in self.worlds.items()}}

    # ---- numbers ---------------------------------------------------------------------------------
    def table(self, measures: Iterable[str] | str | None = None, window: str = "whole") -> "pa.Table":
        """Return a row for each variant and measure (all if None): value and its standard error, difference, interval.

        Columns variant, measure, value, se, difference, low, high, unit. `difference` is the paired one from the
        `reference`, `low` and `high` its 95 % interval; they are null for the baseline.
        """
        told = self.compared(measures, window)
        return told.select(list(TABLE)).rename_columns(list(TABLE.values()))

    def compared(self, measures: Iterable[str] | str | None = None, window: str = "whole") -> "pa.Table":
        """Return the rows of comparison.parquet of these measures (all if None): all that is known of each."""
        names = self.measures if measures is None else names_of("measure", measures)
        check_names("measure", names, self.measures)
        check_names("window", [window], self.windows)
        return self._comparison_table(names, window)

    def monthly(self, measure: str, by: Collection[str] | str = ()) -> "pa.Table":
        """Return a measure, or a line of the ledger, by month: the mean over replications and its standard error.

        Columns variant, month, value, se, unit; `by` "segment", "product" or both adds theirs. Stocks have month 0.
        """
        import pyarrow as pa
        from pyarrow.types import is_dictionary

        axes = names_of("by", by)
        check_names("by", axes, AXES)
        if measure in self.measures and not MEASURES[measure].monthly:
            raise UserError(Problem("measure", measure, "is of the whole run, not of a month", "`table` has it"))
        table = self._monthly_table(measure, tuple(axis for axis in AXES if axis in axes))
        return table.cast(pa.schema([(f.name, pa.string() if is_dictionary(f.type) else f.type) for f in table.schema]))

    def rolls(self) -> "pa.Table":
        """Return the roll matrices: mean accounts and balance of every move between buckets, by month."""
        from simulator.report import parquet

        return parquet.rolls_table(self.comparison)

    def vintages(self) -> "pa.Table":
        """Return the vintages: what became of those who entered in the same month, by month since."""
        import pyarrow as pa

        from simulator.report import parquet

        return pa.concat_tables(parquet.vintage_tables(self.comparison))

    def estimate(self, variant: str, measure: str, window: str = "whole") -> Estimate:
        """Return a measure's value under a variant, or the baseline, and its standard error."""
        self._check(variant, measure, window)
        return self.comparison.estimate(variant, measure, window)

    def difference(self, variant: str, measure: str, window: str = "whole", against: str | None = None) -> Difference:
        """Return a variant less `against` (by default its `reference`), by replication, with its interval."""
        self._check(variant, measure, window)
        against = self.reference(variant) if against is None else against
        check_names("variant", [against], self.lenders)
        return self._difference(variant, measure, window, against)

    def samples(self, variant: str, measure: str) -> "np.ndarray":
        """Return float64[replication] of a measure over all months (roll rates: [batch]), NaN where it has no value."""
        self._check(variant, measure, "whole")
        return self.comparison.samples(variant, measure)

    def by_world(self, measures: Iterable[str] | str | None = None, window: str = "whole") -> "pa.Table":
        """Return `table` of every world under each other, with a column `world` in front; first the file as written."""
        import pyarrow as pa

        names = None if measures is None else names_of("measure", measures)
        tables = {name: study.table(names, window) for name, study in {AS_WRITTEN: self, **self.worlds}.items()}
        named = [table.add_column(0, "world", pa.array([name] * len(table))) for name, table in tables.items()]
        return pa.concat_tables(named)

    def effect(self, world: str, measure: str, lender: str | None = None, window: str = "whole") -> Difference:
        """Return what a world does to a lender (the baseline if None): there less as written, by replication."""
        lender = self.lenders[0] if lender is None else lender
        self._check(lender, measure, window)
        check_names("world", [world], self.worlds)
        check_names("measure", [measure], self.worlds[world].measures)
        return effect(self.worlds[world].comparison, self.comparison, measure, lender, window)

    @property
    def verdict(self) -> Verdict:
        """Which variant has the highest net present value and how sure that is, or why none is named."""
        return self.comparison.verdict()

    @property
    def verdict_in_every_world(self) -> VerdictInWorlds:
        """Which variant is the best in every world, or which world turns it."""
        return verdict_in({AS_WRITTEN: self.verdict, **{name: study.verdict for name, study in self.worlds.items()}})

    # ---- pictures, words, a folder ---------------------------------------------------------------
    def plot(self, picture: str) -> "Picture":
        """Return a picture of the report, by its name; it shows itself in a notebook, and `save`s as SVG.

        "forest" (differences), "waterfall" (of the value, by mechanism), "causes" (of the net loss), "path"
        (delinquency by month), "changes" (of it), "payback" (of profit), "rolls", "vintages" or "distribution". Raises
        UserError if there is none of that name, or if it has nothing to show in this run.
        """
        from simulator.report import figures

        check_names("plot", [picture], figures.DRAWN)
        if drawn := figures.draw(self.comparison, picture):
            return drawn
        raise UserError(Problem("plot", picture, "nothing to show in this run"))

    def save(
        self,
        folder: str | Path | Place,
        overwrite: bool = False,
        *,
        keep_replications: bool = False,
        excel: bool = False,
        drawing: "Drawing | None" = None,
        language: str = ENGLISH,
    ) -> Path:
        """Write the folder that the command writes, whole or not at all, and return its path.

        `keep_replications` keeps each one in monthly.parquet; `excel` adds results.xlsx, what `to_excel` writes;
        `drawing` is a process that draws the report's pictures. The page is in `language`: "en", "zh" or "both"; so is
        the workbook, of "both" in English.
        Raises UserError if `folder` cannot be written, or if it holds a run and `overwrite` is not set.
        """
        from simulator.report import results
        from simulator.report.paper import languages_of

        in_one = languages_of(language)[0]
        place = placed(folder, overwrite)
        results.write(
            place,
            self.comparison,
            {**self.facts, "replay": lambda folder: self._replay(folder, language)},
            self.scenario.text(),
            keep_replications=keep_replications,
            drawing=drawing,
            elsewhere={name: study.comparison for name, study in self.worlds.items()},
            excel=(lambda path: self.to_excel(path, language=in_one)) if excel else None,
            language=language,
            shards=self.shards.told() if self.shards else None,
        )
        if self.shards:
            self.shards.remove()
        return place.folder

    def to_excel(self, path: str | Path, *, language: str = ENGLISH) -> Path:
        """Write a workbook, in the place of one that is there, and return its path; the same run gives the same bytes.

        Sheets summary, comparison, monthly, settings, sources and glossary, in `language`: "en" or "zh". Raises
        UserError if it cannot be written.
        """
        from simulator.report import excel

        check_names("language", [language], LANGUAGES)
        with speaking(language):
            return excel.write(path_of("path", path), self)

    def __repr__(self) -> str:
        """Return what was asked, what must be known of it, and the verdict, in a few lines."""
        from simulator.report import brief

        return "\n".join(brief.lines(self))

    def _repr_html_(self) -> str:
        """Return the same for a notebook, with a table of the variants."""
        from simulator.report import brief

        return brief.html(self)

    def __rich__(self) -> "RenderableType":
        """Return the summary that the command prints."""
        from rich.console import Group

        from simulator.report.terminal import summary_table, worlds_table

        told = worlds_table(self._comparisons) if self.worlds else []
        return Group(*told, *summary_table(self.comparison, compared=self.facts["command"] == COMPARE))

    # ---- what a saved study finds in its files ---------------------------------------------------
    def _comparison_table(self, measures: Collection[str], window: str) -> "pa.Table":
        """Return the rows of comparison.parquet for these measures and this window."""
        from simulator.report import parquet

        table = parquet.comparison_table(self.comparison, measures, [window])
        return table.slice(0, len(self.lenders) * len(measures))  # rows of swapped applicants follow

    def _monthly_table(self, measure: str, axes: tuple[str, ...]) -> "pa.Table":
        from simulator.report import parquet

        check_names("measure", [measure], parquet.by_month(self.comparison))
        return parquet.monthly_table(self.comparison, measure, axes)

    def _difference(self, variant: str, measure: str, window: str, against: str) -> Difference:
        return self.comparison.difference(variant, measure, window, against)

    # ---- inner -----------------------------------------------------------------------------------
    def _replay(self, folder: Path, language: str = ENGLISH) -> str:
        """Return the command that gives the same again, from the scenario that the folder itself keeps."""
        code = ["--allow-code"] if self.scenario.has_code else []
        code += ["--language", language] if language != ENGLISH else []
        return shlex.join(["simulator", self.facts["command"], os.path.abspath(folder / "scenario.toml"), *code])

    def _check(self, variant: str, measure: str, window: str) -> None:
        """Raise UserError if there is no such variant, measure or window."""
        check_names("variant", [variant], self.lenders)
        check_names("measure", [measure], self.measures)
        check_names("window", [window], self.windows)


class SavedStudy(Study):
    """A study read back from its folder: what its files say, which is all but the ledgers themselves."""

    def __init__(self, folder: Path, manifest: dict[str, Any], world: str = AS_WRITTEN):
        """Take a folder, checked, its manifest, and which of the worlds in it this is."""
        own = manifest.get("worlds", {}).get(world)
        self.folder, self._world = folder, world
        self.facts = manifest if own is None else {key: manifest[key] for key in manifest if key != "worlds"} | own

    @cached_property
    def scenario(self) -> Scenario:
        """What was asked; UserError if it has policies of one's own, whose code is not run unasked."""
        asked = load_scenario(self.folder / "scenario.toml")
        return asked if self._world == AS_WRITTEN else asked.worlds[self._world]

    @cached_property
    def worlds(self) -> dict[str, Study]:
        """The same lenders in the other worlds of the scenario, by name; this study is of the file as written."""
        return {name: SavedStudy(self.folder, self.facts, name) for name in self.facts.get("worlds", {})}

    @property
    def comparison(self) -> Comparison:
        """Nothing: raises UserError, as does all that is made of it."""
        raise self._not_there("ledgers")

    @property
    def lenders(self) -> list[str]:
        """The names of the baseline and, after it, of the variants."""
        return list(self.summary["variants"])

    @property
    def measures(self) -> list[str]:
        """The names of the measures that the files have."""
        return _each(self._compared["measure"])

    @property
    def windows(self) -> list[str]:
        """The names of the windows of months that flows are summed over."""
        return _each(self._compared["window"])

    @cached_property
    def frame(self) -> RunFrame:
        """The sizes of the run: months, segments, products, replications, borrowers, currency."""
        asked = self.settings
        asked |= asked.get("world", {}).get(self._world, {})
        cells = self._read("rolls")
        return RunFrame(
            title=asked["title"],
            segments=tuple(_each(cells["segment"])),
            products=tuple(_each(cells["product"])),
            **{name: self.facts[name] for name in ("months", "run_off_months", "replications", "borrowers")},
            currency=asked["currency"]["code"],
            minor_units=_value(asked["currency"]["minor_units"]),
            factor="var90" in self.measures,
            redraw_people=_value(asked["redraw_people"]),
            tape="tape" in self.facts,
            start_month=_value(asked.get("start_month")),
            reporting_day=_value(asked.get("reporting_day", 0)),
            transfers="own_net_loss" in self.measures,
            run_on_months=self.facts.get("run_on_months", 0),
            draws=self.facts.get("draws", 0),
            names=shown_names({name: own.get("title", name) for name, own in asked.get("variant", {}).items()}),
        )

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return self.summary["cautions"]

    @property
    def result_digest(self) -> str:
        """The SHA-256 of every stored number."""
        return self.facts["result_digest"]

    @property
    def verdict(self) -> Verdict:
        """Which variant has the highest net present value and how sure that is, or why none is named.

        Where the folder has page data its reasons can be told in any language.
        """
        saved = _verdict(self.summary["verdict"])
        if self.page_data is None:
            return saved
        why = {name: of_data(told) for name, told in self.page_data["reasons"].items()}
        each = {name: getattr(saved, name) for name in ("run_off", "run_on")}
        known = {name: found and replace(found, reason=why[name]) for name, found in each.items()}
        return replace(saved, reason=why["both"], **known)

    def effect(self, world: str, measure: str, lender: str | None = None, window: str = "whole") -> Difference:
        """Return what a world does to the baseline, of the measures that summary.json has, over the whole run."""
        check_names("world", [world], self.worlds)
        told = self.summary["worlds"][world]["effect"]
        if lender not in (None, self.lenders[0]) or window != "whole" or measure not in told:
            raise self._not_there(f"effect of {world} but of headline measures of the baseline over the whole run")
        value, se, low, high = (_number(told[measure][name]) for name in NUMBERS)
        return Difference(value, se, low, high, NAN)

    def estimate(self, variant: str, measure: str, window: str = "whole") -> Estimate:
        """Return a measure's value under a variant, or the baseline, and its standard error."""
        self._check(variant, measure, window)
        row = self._row(variant, measure, window)
        return Estimate(_number(row["value"]), _number(row["value_standard_error"]))

    def samples(self, variant: str, measure: str) -> "np.ndarray":
        """Return float64[replication] of a headline measure over all months; UserError of any other."""
        self._check(variant, measure, "whole")
        found = self._replications.get((variant, measure))
        if found is None:
            raise self._not_there(f"replications of {measure}")
        return found

    def rolls(self) -> "pa.Table":
        """Return the roll matrices: mean accounts and balance of every move between buckets, by month."""
        return self._read("rolls")

    def vintages(self) -> "pa.Table":
        """Return the vintages: what became of those who entered in the same month, by month since."""
        return self._read("vintages")

    def plot(self, picture: str) -> "Picture":
        """Raise UserError: pictures are drawn from the ledgers; report.html has them."""
        raise self._not_there("pictures", "its report.html has them")

    def save(
        self,
        folder: str | Path | Place,
        overwrite: bool = False,
        *,
        keep_replications: bool = False,
        excel: bool = False,
        drawing: "Drawing | None" = None,
        language: str = ENGLISH,
    ) -> Path:
        """Raise UserError: it is saved."""
        raise self._not_there("ledgers to be written anew", "copy the folder")

    def __rich__(self) -> "RenderableType":
        """Return its lines."""
        return repr(self)

    @property
    def _against(self) -> dict[str, str]:
        return self.summary.get("against", {})

    @property
    def settings(self) -> dict[str, Any]:
        """Every value in force: the tables of scenario.toml, the scenario with everything resolved."""
        with open(self.folder / "scenario.toml", "rb") as file:
            return tomllib.load(file)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What summary.json says: headline measures, differences, the verdict."""
        told = json.loads((self.folder / "summary.json").read_bytes())
        return told if self._world == AS_WRITTEN else told["worlds"][self._world]

    @cached_property
    def page_data(self) -> dict[str, Any] | None:
        """What page.json has of this world; None where an older version has written the folder without it."""
        from simulator.report.page_data import FORMAT

        path = self.folder / "page.json"
        told = json.loads(path.read_bytes()) if path.is_file() else {}
        return told["worlds"][self._world] if told.get("format") == FORMAT else None

    @property
    def language(self) -> str:
        """In which language, or in both, the run's page was asked for."""
        words = shlex.split(self.facts["replay"])
        return words[words.index("--language") + 1] if "--language" in words[:-1] else ENGLISH

    @cached_property
    def _compared(self) -> "pa.Table":
        """comparison.parquet, without the rows of swapped applicants."""
        import pyarrow.compute as pc

        return self._read("comparison", pc.field("people") == "all")

    def _read(self, name: str, rows: "pc.Expression | None" = None) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        path, here = self.folder / f"{name}.parquet", pc.field("world") == self._world
        try:
            with open(path, "rb") as file:  # not a path: Arrow takes that for UTF-8, whatever the locale
                if "world" not in pq.read_schema(file).names:  # of before there were any
                    return pq.read_table(file, filters=rows)
                return pq.read_table(file, filters=here if rows is None else here & rows).drop_columns(["world"])
        except (OSError, pa.ArrowException) as error:
            raise UserError(Problem(str(path), "", f"cannot be read: {reason(error)}", "run it again")) from None

    def _comparison_table(self, measures: Collection[str], window: str) -> "pa.Table":
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = self._compared.filter(pc.field("window") == window)
        keys = zip(rows["variant"].to_pylist(), rows["measure"].to_pylist(), strict=True)
        place = {key: k for k, key in enumerate(keys)}
        wanted = [place[variant, measure] for variant in self.lenders for measure in measures]
        return rows.take(pa.array(wanted, pa.int64()))

    def _monthly_table(self, measure: str, axes: tuple[str, ...]) -> "pa.Table":
        """Return rows of monthly.parquet; UserError if it has no sums over the axis that is left out."""
        import pyarrow.compute as pc

        sizes = {"segment": len(self.frame.segments), "product": len(self.frame.products)}
        if axes and any(size > 1 for axis, size in sizes.items() if axis not in axes):
            raise self._not_there(f"months by {axes[0]} alone", "ask by both, segment and product")
        rows = self._months_by_cell if axes else self._months
        check_names("measure", [measure], _each(rows["measure"]))
        rows = rows.filter(pc.field("measure") == measure).rename_columns({"standard_error": "se"})
        return rows.select(["variant", "month", *axes, "value", "se", "unit"])

    @cached_property
    def _replications(self) -> "dict[tuple[str, str], np.ndarray]":
        """replications.parquet, by variant and measure; nothing where a folder is older than it."""
        import numpy as np

        found: dict[tuple[str, str], list[float]] = {}
        if (self.folder / "replications.parquet").is_file():
            rows = self._read("replications").sort_by("replication").to_pydict()
            for *key, value in zip(rows["variant"], rows["measure"], rows["value"], strict=True):
                found.setdefault((key[0], key[1]), []).append(_number(value))
        return {key: np.array(values) for key, values in found.items()}

    @cached_property
    def _months(self) -> "pa.Table":
        """monthly.parquet: means over replications, of the whole book."""
        import pyarrow.compute as pc

        return self._read("monthly", (pc.field("product") == "all") & pc.field("replication").is_null())

    @cached_property
    def _months_by_cell(self) -> "pa.Table":
        """monthly.parquet: means over replications, by segment and product."""
        import pyarrow.compute as pc

        return self._read("monthly", (pc.field("product") != "all") & pc.field("replication").is_null())

    def _difference(self, variant: str, measure: str, window: str, against: str) -> Difference:
        if against not in (self.reference(variant), variant):
            raise self._not_there(f"difference of {variant} from {against}")
        row = self._row(variant, measure, window)
        if variant == against:
            nothing, se = 0 * abs(_number(row["value"])), 0 * _number(row["value_standard_error"])
            return Difference(nothing, se, se, se, NAN)
        names = ("difference", "standard_error", "low", "high", "variance_reduction")
        return Difference(*(_number(row[name]) for name in names))

    def _row(self, variant: str, measure: str, window: str) -> dict[str, Any]:
        """Return the row of comparison.parquet."""
        return self._rows[variant, measure, window]

    @cached_property
    def _rows(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The rows of comparison.parquet by variant, measure and window."""
        return {(row["variant"], row["measure"], row["window"]): row for row in self._compared.to_pylist()}

    def _not_there(self, what: str, instead: str = "") -> UserError:
        """Return the error that files do not keep `what`, with what to do `instead`."""
        again = f"ask again: {self.facts['replay']}, or compare and simulate in Python"
        return UserError(Problem(str(self.folder), found=f"a saved study keeps no {what}", allowed=instead or again))


def load_study(folder: str | Path) -> SavedStudy:
    """Return the study that `Study.save`, `simulator run` or `simulator compare` wrote into `folder`.

    Its numbers are read from the files. They do not keep the ledgers: `plot`, `save`, a difference from another than
    the `reference`, and months summed over one of segment and product alone, are errors that say what to do instead.
    Raises UserError if the folder holds no such study, or if a file in it is not the one that was written.
    """
    folder = path_of("folder", folder)
    wish = "give a folder that `simulator run`, `simulator compare` or `Study.save` has written"
    if wrong := spoiled(folder):
        changed = f"holds files that are not as they were written: {', '.join(wrong)}"
        found = "holds no run" if wrong == [MANIFEST] else changed
        raise UserError(Problem(str(folder), found=found, allowed=wish))
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if manifest.get("command") not in (SIMULATE, COMPARE):
        raise UserError(Problem(str(folder), found=f"holds the results of {manifest.get('command')}", allowed=wish))
    missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
    missing += [name for name in NEEDED_FACTS if name not in manifest]
    if missing or "incomplete" in manifest:
        found = f"is not whole, or of another version: without {', '.join(missing) or manifest['incomplete']}"
        raise UserError(Problem(str(folder), found=found, allowed=wish))
    return SavedStudy(folder, manifest)


def report_of(folder: str | Path, excel: bool = False, *, language: str | None = None) -> "Again | ToldAgain":
    """Return the report of a saved run, made again from its files: its `report` is the page, `save` writes it.

    With `excel` the workbook is written too. The page is in `language`, "en", "zh" or "both", by default that of the
    run. Nothing is simulated; the page of a folder that an older version has written says first what it lacks. Flips
    that were saved have a page too, and no workbook. Raises UserError as `load_study` does.
    """
    from simulator.report.again import Again
    from simulator.report.told import ToldAgain

    if not excel and (told := ToldAgain.of(path_of("folder", folder), language)):
        return told
    return Again(load_study(folder), excel, language)


def side_by_side(first: str | Path, second: str | Path, *, language: str = ENGLISH) -> "SideBySide":
    """Return two saved runs side by side: what differs in their settings, and each lender's measures in both.

    The page is in `language`: "en", "zh" or "both".
    Raises UserError as `load_study` does, or if no lender is in both.
    """
    from simulator.report.side_by_side import SideBySide

    return SideBySide(load_study(first), load_study(second), language)


def _verdict(told: Mapping[str, Any]) -> Verdict:
    """Return a verdict as summary.json tells it, with those of each horizon."""
    difference = None
    if found := told.get("difference"):
        value, se, low, high = (_number(found[name]) for name in NUMBERS)
        difference = Difference(value, se, low, high, NAN)
    winner, second, reason, leader = (told[name] for name in ("best", "second", "reason", "leader"))
    each = [_verdict(told[name]) if name in told else None for name in ("run_off", "run_on")]
    return Verdict(winner, second, difference, reason, leader, _number(told["probability"]), *each)


def _each(column: "pa.ChunkedArray") -> list[str]:
    """Return the values of an Arrow column of text, each once, in their order."""
    return column.cast("string").unique().to_pylist()


def _number(x: float | None) -> float:
    """Return a number of a file, where null stands for NaN."""
    return NAN if x is None else x


def _value(said: Any) -> Any:
    """Return a value of a resolved scenario, without what is said about it."""
    return said["value"] if isinstance(said, dict) else said
