"""The setting with which a lender does best, and how sure that is: looked for, compared, and lived again."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.analysis.estimates import Difference
from simulator.decision import optimise_page
from simulator.decision.aims import aims
from simulator.decision.answer import Answer
from simulator.decision.best import TIMES, UNMOVED, best_in_box, best_of_list
from simulator.decision.experiment import Experiment
from simulator.decision.optimum import AGAIN, COMPARISON, SEARCH, Numbers, moved
from simulator.decision.search import most_lives
from simulator.decision.settings import HOME, Listed, Lived, box, own_key, setting_of
from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, names_of
from simulator.model.layout import SUMS_PER_BATCH
from simulator.model.observer import SILENT, Observer
from simulator.run import BASELINE
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.study import ScenarioLike
from simulator.system.arrow_files import write_table
from simulator.system.folders import write_json

if TYPE_CHECKING:
    import pyarrow as pa

    from simulator.report.paper import Picture

MOST_SETTINGS = 1000  # of grids that are compared one by one; among more is searched


def optimise(
    scenario: ScenarioLike,
    vary: Iterable[str] | str = (),
    *,
    maximise: str | None = None,
    minimise: str | None = None,
    subject: Iterable[str] | str = (),
    variant: str = BASELINE,
    settings: Sequence[Mapping[str, Any]] | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> "Optimum":
    """Return the setting of a lender with which a measure is highest, or lowest, while others keep their bounds.

    `vary` says KEY=LOW:HIGH or KEY=LOW:HIGH:N, `subject` MEASURE >= NUMBER; `settings` are values by key to choose
    from, instead of `vary`. `variant` is the lender that is moved, by keys of its own. Replications are those of the
    scenario, in batches of 20. Raises UserError with everything that is wrong.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    observer = SILENT if observer is None else observer
    said, bounds = names_of("vary", vary), names_of("subject", subject)
    wanted, problems = aims(maximise, minimise, bounds)
    if variant not in (BASELINE, *loaded.variants):
        raise UserError([*problems, Problem("--variant", variant, "there is none of that name")])
    experiment = Experiment(loaded, [] if variant == BASELINE else [variant], threads)
    space, wrong = _space(said, settings, experiment, variant)
    if wrong or wanted is None or space is None:
        raise UserError([*problems, *wrong])
    return _optimum(loaded, said, wanted, space, Lived(experiment, variant, wanted, observer.started), observer)


class Optimum(Answer):
    """The setting that was chosen, with how sure that is, and every setting that was lived."""

    def __init__(
        self, scenario: Scenario, words: tuple[str, ...], numbers: Numbers, remarks: list[str], work: dict[str, int]
    ):
        """Take what was asked, what was found, what was refused or has not converged, and how much was lived."""
        super().__init__(scenario, words, remarks)
        self.numbers, self.work = numbers, work

    @property
    def status(self) -> str:
        """ "best" of those compared, or "not told apart" from others; "doubtful" or "impossible": of the constraints.

        "not moved" where no setting differs from the file's own in anything that is looked at: none is recommended.
        """
        return self.numbers.status

    @property
    def chosen(self) -> dict[str, Any]:
        """The values of the chosen setting by key; where the constraints are impossible, of the one nearest to them.

        The file's own where nothing is moved.
        """
        return self.numbers.values(self.numbers.chosen)

    @property
    def alike(self) -> list[dict[str, Any]]:
        """The settings that cannot be told apart from it."""
        return [self.numbers.values(one) for one in self.numbers.alike]

    @property
    def gain(self) -> Difference:
        """The objective less that of the file's own setting, on fresh replications."""
        return self.numbers.gain(self.numbers.chosen, AGAIN)

    @property
    def chance(self) -> float:
        """The chance that it keeps all constraints, on fresh replications."""
        return self.numbers.chance(self.numbers.chosen, AGAIN)

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of what was asked."""
        return super().facts | self.work

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""
        return optimise_page.answers(self.numbers)

    def table(self) -> "pa.Table":
        """Return a row for each setting and stage in which it was seen; its columns are those of frontier.parquet."""
        return optimise_page.table(self.numbers)

    def plot(self) -> "Picture":
        """Return the picture of the frontier."""
        return optimise_page.picture(self.numbers)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""
        return optimise_page.page(self.numbers, self.scenario, self.cautions, manifest)

    def write_numbers(self, folder: Path) -> None:
        """Write optimise.json and frontier.parquet into `folder`."""

        told = optimise_page.content(self.numbers) | {"cautions": self.cautions, "work": self.work}
        write_json(folder / "optimise.json", told)
        write_table(self.table(), folder / "frontier.parquet")

    @property
    def drawn(self) -> "Picture":
        """The frontier."""
        return self.plot()


def _space(said, settings, experiment, lender):
    """Return what may be chosen from, a box or a list of settings, and every problem with it."""
    if (settings is None) == (not said):
        found = "found neither" if settings is None else "found both"
        return None, [Problem("--vary", "", found, "allowed: what is varied, or settings to choose from")]
    if settings is None:
        return box(said, experiment, lender)
    keys = list(dict.fromkeys(own_key(key, lender) for one in settings for key in one))
    problems, file = [], {}
    for key in keys:
        try:
            file[key] = experiment.value_at(key)
        except UserError as error:
            problems += error.problems
    if not 2 <= len(settings) <= MOST_SETTINGS:
        problems.append(Problem("settings", "", f"found {len(settings):,}", f"allowed: 2 to {MOST_SETTINGS:,}"))
    given = [file | {own_key(key, lender): value for key, value in one.items()} for one in settings]
    listed = list(dict.fromkeys(setting_of(one, file) for one in given if not problems))
    return Listed(file, {key: experiment.unit_of(key) for key in keys}, tuple(listed)), problems


def _optimum(scenario, said, wanted, space, lived, observer):
    """Return the optimum of a box or a list."""
    replications = -(-scenario.baseline.replications // SUMS_PER_BATCH) * SUMS_PER_BATCH
    listed = space.listed(MOST_SETTINGS)
    lives = most_lives(len(space.axes)) if listed is None else len(listed) * SUMS_PER_BATCH / replications + TIMES
    lived.experiment.announce(lives * replications / scenario.baseline.replications, observer)
    lived.values(HOME, range(replications))
    if listed is None:
        observer.note(f"searching: each setting lives {replications:,} replications")
        named, best = _in_box(space, lived, replications)
    else:
        observer.note(f"comparing {len(listed):,} settings, first on {SUMS_PER_BATCH} replications each")
        named, best = _of_list(listed, lived, replications)
    if best is None:
        why = next(iter(lived.refused.values()), "")
        raise UserError(Problem("--vary", "", "no setting is allowed", f"the first: {why}"))
    chosen, alike, status = named[best.chosen], tuple(named[k] for k in best.alike), best.status
    begun = replications if best.search else 0
    compared = {
        named[k]: lived.values(named[k], range(begun, begun + len(values)))
        for k, values in enumerate(best.selection.values)
    }
    last = begun + best.selection.looks[-1]
    fresh = range(last, last + replications)
    seen = {COMPARISON: compared}
    if best.search:
        points = map(space.setting_at, best.search.points)
        seen[SEARCH] = {one: lived.values(one, range(replications)) for one in points}
    ends = {SEARCH: range(replications), COMPARISON: range(begun, last), AGAIN: fresh}
    home = {stage: lived.values(HOME, ends[stage]) for stage in (*seen, AGAIN)}
    if not moved(seen, home).any():
        chosen, alike, status = HOME, (), UNMOVED
        compared[HOME] = home[COMPARISON]
    observer.note(f"the chosen setting again, on {replications:,} fresh replications")
    seen[AGAIN] = {one: lived.values(one, fresh) for one in {chosen, HOME}}
    numbers = Numbers(
        aims=wanted,
        frame=lived.home.frame,
        lender=lived.lender,
        file=space.file,
        units=space.units,
        chosen=chosen,
        alike=alike,
        compared=len(named),
        status=status,
        seen=seen,
        home=home,
    )
    work = {
        "settings": len(lived.settings),
        "settings_refused": len(lived.refused),
        "replications_lived": lived.work,
        "replications_compared": best.selection.work,
        "replications_of_equal_work": best.selection.equal_work,
    }
    return Optimum(
        scenario,
        _words(said, wanted, lived.lender),
        numbers,
        list(_remarks(lived, best, space.file, replications)),
        work,
    )


def _in_box(space, lived, replications):
    """Return the settings that were compared, and the best of a box."""

    def evaluate(point, among):
        values = lived.values(space.setting_at(point), among)
        return None if values is None else lived.aims.columns(values)

    home = space.home
    start = [home] if ((home >= 0) & (home <= 1)).all() else []
    best = best_in_box(evaluate, len(space.axes), space.snap, replications, start)
    return ([space.setting_at(point) for point in best.points], best) if best else ([], None)


def _of_list(listed, lived, replications):
    """Return the settings of a list that are allowed, and the best of them."""
    allowed = [one for one in listed if lived.values(one, range(SUMS_PER_BATCH)) is not None]

    def evaluate(k, among):
        values = lived.values(allowed[k], among)
        if values is None:
            raise UserError(Problem("--vary", "", str(dict(allowed[k])), lived.refused[allowed[k]]))
        return lived.aims.columns(values)

    return allowed, best_of_list(evaluate, len(allowed), replications) if allowed else None


def _remarks(lived, best, file, replications):
    """Return what was lived instead of what was asked, what is refused, what has not converged, in sentences."""
    asked = lived.experiment.scenario.baseline.replications
    if asked != replications:
        yield kept(
            "{lived} replications instead of the {asked} asked for: settings live them in batches of {batch}.",
            lived=f"{replications:,}",
            asked=f"{asked:,}",
            batch=SUMS_PER_BATCH,
        )
    for above in dict.fromkeys(key.rpartition(".")[0] for key in file):
        if ("policy." in above) and not lived.experiment.value_at(f"{above}.enabled"):
            yield kept("{key} is not enabled in the file: what is varied of it acts on nobody.", key=above)
    if lived.refused:
        why = next(iter(lived.refused.values()))
        count = f"{len(lived.refused):,}"
        yield kept("{count} settings are not allowed and were left out; the first: {why}.", count=count, why=why)
    if best.search and not best.search.is_done:
        yield kept(
            "The search ended while another round was still expected to bring more: narrow the ranges and ask again."
        )


def _words(said, wanted, lender):
    """Return the words of the command that gives the same again; settings of a list have none."""
    words = ["optimise"]
    for one in said:
        words += ["--vary", one]
    words += ["--maximise" if wanted.is_highest else "--minimise", wanted.objective]
    for one in wanted.constraints:
        words += ["--subject", str(one)]
    return (*words, *(() if lender == BASELINE else ("--variant", lender)))
