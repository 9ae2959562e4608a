"""The commands: parse, call, print. No logic, and nothing heavy imported before a command needs it."""

import codecs
import errno
import gc
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from shutil import get_terminal_size
from threading import Timer
from typing import TYPE_CHECKING, Annotated

import typer

import simulator as sim
from simulator.language.catalogue import BOTH, ENGLISH, LANGUAGES, retold, say, speaking
from simulator.model.errors import Problem, UserError
from simulator.model.printable import controls_in, printable
from simulator.system.signals import INTERRUPTED, listen

if TYPE_CHECKING:
    from simulator.shards.folder import Shards
    from simulator.system.folders import Place

INTERNAL, WRONG_INPUT = 1, 2  # exit codes; 0 is done
DIFFERENT = 1  # exit code of `verify`
MOST_TOLD = 250  # problems that are told one by one
ALLOCATED = 50_000  # objects until Python looks for garbage: with its 700, a tenth of a start is spent in looking
SHORT = 1.0  # seconds of simulation up to which nothing else is imported beside it: the answer would come later
_places: list["Place"] = []  # of the results of this command, once they are checked
_kept: list["Shards"] = []  # of this command, if it keeps any

app = typer.Typer(
    name="simulator",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing the coloured kind takes longer than all the rest
)

ScenarioFile = Annotated[
    Path, typer.Argument(metavar="SCENARIO", help="The scenario file (TOML), or the name of a shipped one.")
]
Encoding = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of a text file that is in none found by itself: windows-1252, ...")
]
RunFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run or a comparison.")]
OtherRun = Annotated[Path | None, typer.Argument(metavar="[OTHER]", help="Another one, to be laid beside it.")]
NewName = Annotated[Path, typer.Argument(metavar="NAME", help="NAME.toml is written; nothing is overwritten.")]
OwnBook = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="A folder of calibrate --structural: the question is put to its book."),
]
Out = Annotated[Path | None, typer.Option(help="Folder of the results. Default: in out/, named after the file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a run in that folder.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Set one key; may be repeated.")]
Borrowers = Annotated[
    int | None, typer.Option(min=1, help="Borrowers of the opening book; applicants are scaled with them.")
]
Replications = Annotated[int | None, typer.Option(min=1, help="Replications: other people, other random numbers.")]
Months = Annotated[int | None, typer.Option(min=1, help="Months in which credit is granted.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers.")]
Threads = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Threads; the result is the same. Default: all processors.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Keep finished shards beside the folder; go on with those that are there.")
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=1024, help="Live the shards in so many processes of this machine (Dask); all are kept."),
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Live the shards on the workers of a Dask scheduler: tcp://HOST:PORT."),
]
Sample = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Live so many of its shards, evenly among all. Default: all.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Yes = Annotated[bool, typer.Option("--yes", help="Begin, though it takes more than a day, or than the disk has.")]
Keep = Annotated[bool, typer.Option("--keep-replications", help="Keep every replication in monthly.parquet.")]
CheckFile = Annotated[
    Path | None, typer.Option("--check", metavar="FILE", help="Run a policy file of your own (Python) and check it.")
]
Doubt = Annotated[
    int | None,
    typer.Option(
        min=2, metavar="K", help="compare only: draw the numbers that have a range K times, each for two runs."
    ),
]
Only = Annotated[
    list[str] | None, typer.Option("--variant", metavar="A,B", help="compare only: these variants, no others.")
]
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="C", help="compare only: all variants but these.")
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="V", help="compare only: variants against this one, not the baseline."),
]
Until = Annotated[
    str | None,
    typer.Option(
        metavar="MEASURE=WIDTH", help="compare only: as many replications as 95 % to +-WIDTH take (npv=1%, npv=5000)."
    ),
]
VaryMany = Annotated[
    list[str] | None,
    typer.Option(
        "--vary", metavar="KEY=LOW:HIGH:N", help="A number, between what, in how many points; may be repeated."
    ),
]
Tornado = Annotated[bool, typer.Option("--tornado", help="Move every number that has a range to both its ends.")]
VaryOne = Annotated[
    str,
    typer.Option("--vary", metavar="KEY[=LOW:HIGH]", help="What is moved: in its range, or between half and twice it."),
]
VariantName = Annotated[str, typer.Option("--variant", metavar="A", help="The lender whose lead is to be nothing.")]
AgainstOne = Annotated[
    str | None, typer.Option("--against", metavar="B", help="Over whom. Default: whom it is compared with.")
]
ByMeasure = Annotated[str, typer.Option("--measure", metavar="M", help="By which measure; `simulator measures`.")]
Between = Annotated[
    tuple[str, str] | None,
    typer.Option("--between", metavar="A B", help="Two lenders to choose between. Default: all; baseline is one."),
]
Keys = Annotated[list[str] | None, typer.Option("--key", help="A number to move; may be repeated. Default: every one.")]
Maps = Annotated[
    list[str] | None, typer.Option("--map", metavar="KEY1,KEY2", help="Two numbers to move together; may be repeated.")
]
Excel = Annotated[bool, typer.Option("--excel", help="Write the numbers as a workbook too: results.xlsx.")]
Languages = Annotated[
    str, typer.Option("--language", metavar="en|zh|both", help="The report's: English, Chinese, or a page with both.")
]
Again = Annotated[
    str | None,
    typer.Option("--language", metavar="en|zh|both", help="The page's. Default: the run's; of two, English."),
]
CsvBom = Annotated[
    bool, typer.Option("--csv-bom", help="Begin CSV files with a byte order mark, so that Excel reads them as UTF-8.")
]
Code = Annotated[bool, typer.Option("--allow-code", help="Run the Python files of policies of your own.")]
Borrower = Annotated[str, typer.Option(metavar="ID", help="segment:index, segment:month:index or a tape's account.")]
Variants = Annotated[list[str] | None, typer.Option("--variant", help="A variant to show; may be repeated, up to 3.")]
Replication = Annotated[int, typer.Option(help="The replication, from 0: its people and random numbers.")]
TapeFile = Annotated[Path, typer.Argument(metavar="TAPE", help="Accounts by month, or loans with their outcome.")]
RecordsFile = Annotated[Path, typer.Argument(metavar="FILE", help="Accounts by month, or loans with their outcome.")]
DraftFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there. Default: print it.")]
MappingFile = Annotated[Path, typer.Option("--mapping", metavar="FILE", help="What the tape's columns and codes mean.")]
FitUntil = Annotated[str, typer.Option("--fit-until", metavar="YYYY-MM", help="Last month that is fitted on.")]
Fit = Annotated[bool, typer.Option("--structural", help="Fit the structural model too: structural.toml.")]
Force = Annotated[bool, typer.Option("--force", help="Write a structural fit that the tape refuses, with a caution.")]
Prior = Annotated[Path | None, typer.Option("--prior", metavar="SCENARIO", help="What the tape cannot tell.")]
SeriesFile = Annotated[Path, typer.Argument(metavar="SERIES", help="A row a quarter: text, a workbook or Parquet.")]
Date = Annotated[str, typer.Option("--date", metavar="COLUMN", help="Column of quarters: 2005Q4 or 2005-10-01.")]
Unemployment = Annotated[
    str, typer.Option("--unemployment", metavar="COLUMN", help="Column of unemployment, per cent.")
]
Rate = Annotated[str, typer.Option("--rate", metavar="COLUMN", help="Column of a loss or delinquency rate, per cent.")]
LeaveOut = Annotated[list[str] | None, typer.Option(metavar="QUARTER", help="Fit without it; may be repeated.")]
Drivers = Annotated[
    list[str] | None,
    typer.Option(
        "--driver",
        metavar="COLUMN[:FORM]",
        help="Another series to choose from, by its yearly change, growth or level; up to 3.",
    ),
]
Curve = Annotated[str, typer.Option(help="logit or probit.")]
TrialFile = Annotated[Path, typer.Argument(metavar="TRIAL", help="A row for each arm, segment and month.")]
InScenario = Annotated[Path, typer.Option("--scenario", metavar="SCENARIO", help="The scenario that has the policy.")]
Effect = Annotated[str, typer.Option("--effect", metavar="KEY", help="Which setting, as policy.remind.strength.")]
Counts = Annotated[
    str,
    typer.Option("--counts", metavar="MEASURE", help="What it counts or adds up; 'not MEASURE': of whom it is not so."),
]
Control = Annotated[str, typer.Option("--control", metavar="NAME", help="The arm without the policy.")]
Arm = Annotated[str | None, typer.Option("--arm", metavar="NAME", help="The arm with it. Default: the only other one.")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="COLUMN=HEADING", help="A column of the file has another heading: arm=group."),
]
TrialMonths = Annotated[
    int | None, typer.Option("--trial-months", min=1, help="That it lasted. Default: as many as the file tells apart.")
]
PriorKind = Annotated[
    str | None,
    typer.Option(
        "--prior", metavar="published|scenario|flat", help="What was known before. Default: the first that there is."
    ),
]
AccountCost = Annotated[float, typer.Option(help="Cost of an account in the next trial; an assumption.")]
BookSize = Annotated[int | None, typer.Option("--book", min=1, help="Borrowers to come. Default: the scenario's.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1. Default: a free one.")]
Level = Annotated[float, typer.Option(help="Share of replications whose loss is at most the value at risk.")]
LossMeasure = Annotated[str, typer.Option("--measure", metavar="NAME", help="The amount whose tail is asked for.")]
Lender = Annotated[str, typer.Option("--variant", metavar="NAME", help="The lender.")]
Vary = Annotated[
    list[str], typer.Option(metavar="KEY=LOW:HIGH[:N]", help="What is varied; may be repeated. N: a grid of so many.")
]
Maximise = Annotated[str | None, typer.Option(metavar="MEASURE", help="The measure that is to be high.")]
Minimise = Annotated[str | None, typer.Option(metavar="MEASURE", help="The measure that is to be low.")]
Subject = Annotated[
    list[str] | None,
    typer.Option(metavar="BOUND", help='As "approval_rate >= 0.6" or "net_loss <= 1e6"; may be repeated.'),
]
MeasureName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One measure. Default: all.")]
PolicyKind = Annotated[str | None, typer.Argument(metavar="[KIND]", help="One kind, or a file of yours. Default: all.")]
Source = Annotated[bool, typer.Option("--markdown", help="Print the Markdown itself.")]


def _one_language(language: str) -> str:
    """Return the language that is asked for; UserError if it is not spoken."""
    if language not in LANGUAGES:
        raise UserError(Problem("--language", language, "not spoken here", f"allowed: {', '.join(LANGUAGES)}"))
    return language


def _version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        typer.echo(f"simulator {sim.__version__}")
        raise typer.Exit


Language = Annotated[
    str, typer.Option(metavar="en|zh", help="Language of the page and of what is printed.", callback=_one_language)
]
Version = Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")]


@app.callback()
def _options(version: Version = False) -> None:
    """What a consumer lender's policies do to delinquency, bad debt and profit, borrower by borrower."""


@app.command("compare", help="Compare all variants with the baseline: same people, common random numbers.")
@app.command("run", help="Simulate the baseline of a scenario over its months.")
def study(
    context: typer.Context,
    scenario: ScenarioFile,
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    quiet: Quiet = False,
    yes: Yes = False,
    keep_replications: Keep = False,
    excel: Excel = False,
    allow_code: Code = False,
    doubt: Doubt = None,
    variant: Only = None,
    without: Without = None,
    against: Against = None,
    until: Until = None,
    resume: Resume = False,
    workers: Workers = None,
    cluster: Cluster = None,
    language: Languages = "en",
) -> None:
    """Load, check the folder, simulate, write, print."""
    is_run = context.command.name == "run"
    how_often = {"--doubt": doubt, "--until": until}
    choice = {**how_often, "--variant": variant, "--without": without, "--against": against}
    if is_run and (chosen := [option for option, given in choice.items() if given is not None]):
        allowed = "allowed: with compare; run lives the baseline alone"
        raise UserError([Problem(option, found="together with run", allowed=allowed) for option in chosen])
    if replications is not None and (chosen := [option for option, given in how_often.items() if given is not None]):
        allowed = "allowed: one of the two; it says itself how many replications are lived"
        raise UserError([Problem(option, found="together with --replications", allowed=allowed) for option in chosen])

    in_one = _in_one(language)

    from simulator.report.drawing import Drawing

    drawing = context.with_resource(Drawing())  # first: it is longest in getting ready
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)
    if not is_run:
        loaded = loaded.choose(_names(variant), _names(without) or (), against)
    folder = out or Path("out") / scenario.stem

    from simulator.report import results
    from simulator.report.progress import Progress
    from simulator.report.room import bytes_of_results

    place = _place(folder, overwrite, quiet)
    shards = _shards(context, place, resume, workers, cluster)
    ready = Timer(SHORT, results.get_ready, (drawing,))
    ready.daemon = True
    ready.start()
    limits = _limits(folder, yes, bytes_of_results(loaded, not is_run, keep_replications))
    with Progress(quiet, limits) as progress:
        if is_run:
            finished = sim.simulate(loaded, threads, progress, shards)
        else:
            finished = sim.compare(loaded, threads, progress, doubt, until, shards)
    ready.cancel()
    unsaid = None
    if not quiet:
        try:
            with speaking(in_one):
                _print(finished)  # the answer is known, whatever becomes of its folder
                sys.stdout.flush()
        except OSError as error:  # nobody may be there to read it
            unsaid = error
    with Progress(quiet) as progress:
        progress.started("writing the report")
        finished.save(place, keep_replications=keep_replications, excel=excel, drawing=drawing, language=language)
    if unsaid:
        raise unsaid
    if not quiet:
        with speaking(in_one):
            workbook = [say("workbook: {path}", path=folder / "results.xlsx")] if excel else []
            page = say("report: {path}", path=folder / "report.html")
        _say("", f"result_digest {finished.result_digest}", page, *workbook)


@app.command()
def verify(
    folder: RunFolder,
    sample: Sample = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    allow_code: Code = False,
) -> None:
    """Live a saved run again, or some of its shards, and compare digests: exit 0 if they are the same, else 1."""
    from simulator.report.progress import Progress
    from simulator.workers.verify import verify

    with speaking(language):
        with Progress(quiet) as progress:
            found = verify(folder, sample, threads, progress, allow_code)
        _say(*found.answers)
    sys.exit(0 if found.is_same else DIFFERENT)


@app.command()
def check(scenario: ScenarioFile, set_: Set = None, allow_code: Code = False) -> None:
    """Validate a scenario, then its tape, and say what each variant changes."""
    from simulator.scenario.prices import asked_rates, price_cautions
    from simulator.scenario.variants import lines

    loaded = sim.load_scenario(scenario, set_ or (), allow_code=allow_code)
    if loaded.baseline.precision:
        from simulator.decision.precision import wish

        wish(loaded.baseline.precision.said)
    _warn(loaded.cautions)
    if allow_code:
        from simulator.policy.levers import try_own

        for world in loaded.every_world.values():
            for settings in (world.baseline, *world.variants.values()):
                try_own(settings)
    lenders = {"baseline": loaded.baseline, **loaded.variants}
    lenders |= {f"world {name}": world.baseline for name, world in loaded.worlds.items()}
    _warn(price_cautions({name: asked_rates(settings) for name, settings in lenders.items()}))
    tapes = {world.baseline.portfolio.tape: world for world in loaded.every_world.values()}
    for world in (world for tape, world in tapes.items() if tape):
        from simulator.run import read_book

        book = read_book(world)
        _warn(book.cautions)
        _say(*book.words())
    worlds = f"; worlds: {', '.join(loaded.every_world)}" if loaded.worlds else ""
    _say(f"{loaded.path}: valid; variants: {', '.join(loaded.variants) or 'none'}{worlds}", *lines(loaded))


@app.command()
def new(name: NewName, book: OwnBook = None) -> None:
    """Write a small scenario to begin with: a dozen keys, each explained, and two variants."""
    from simulator.scenario.shipped import write_new

    path = write_new(name, book)
    _say(f"{path}: written; it runs as it stands: simulator compare {shlex.quote(str(path))}")


@app.command()
def flips(
    scenario: ScenarioFile,
    between: Between = None,
    map_: Maps = None,
    key: Keys = None,
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Seek for every number of a scenario the value at which another lender becomes best, the nearest first."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)
    folder = out or Path("out") / f"{scenario.stem}-flips"

    pairs = [one.split(",") for one in map_ or ()]
    _find(
        lambda observer: sim.flips(loaded, between, pairs, key, threads, observer),
        folder,
        overwrite,
        quiet,
        yes=yes,
        language=language,
    )


@app.command()
def sweep(
    scenario: ScenarioFile,
    vary: VaryMany = None,
    tornado: Tornado = False,
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Live all lenders along one number, or all over several, and say who is best where."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)
    folder = out or Path("out") / f"{scenario.stem}-sweep"

    _find(
        lambda observer: sim.sweep(loaded, vary or (), tornado, threads, observer),
        folder,
        overwrite,
        quiet,
        yes=yes,
        language=language,
    )


@app.command()
def breakeven(
    scenario: ScenarioFile,
    vary: VaryOne,
    variant: VariantName,
    measure: ByMeasure = "npv",
    against: AgainstOne = None,
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Seek the value of a number at which two lenders are equal by a measure."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)
    folder = out or Path("out") / f"{scenario.stem}-breakeven"

    def ask(observer):
        return sim.breakeven(loaded, vary, variant, measure, against, threads, observer)

    _find(ask, folder, overwrite, quiet, yes=yes, language=language)


@app.command()
def report(
    folder: RunFolder,
    other: OtherRun = None,
    excel: Excel = False,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    language: Again = None,
) -> None:
    """Make the page of a saved run again, or lay two runs side by side; nothing is simulated."""
    in_one = _in_one(ENGLISH if language is None else language)
    if other is not None:
        if excel:
            allowed = "allowed: with one folder; two have measures.parquet and settings.parquet"
            raise UserError(Problem("--excel", found="together with two folders", allowed=allowed))
        place = out or Path("out") / f"{folder.resolve().name}-and-{other.resolve().name}"
        _find(
            lambda _: sim.side_by_side(folder, other, language=language or ENGLISH),
            place,
            overwrite,
            quiet,
            language=in_one,
        )
        return
    place = out or Path("out") / f"{folder.resolve().name}-report"
    again = sim.report_of(folder, excel, language=language)
    _find(lambda _: again, place, overwrite, quiet, language=again.languages[0])


@app.command("map")
def draft(file: RecordsFile, out: DraftFile = None, encoding: Encoding = None) -> None:
    """Draft the mapping of a file of accounts or loans: what its columns and codes seem to be, with questions."""
    from simulator.system.new_file import write_new
    from simulator.tape.draft.draft import draft_mapping

    drafted = draft_mapping(file, encoding)
    if out is None:
        _say(*drafted.text.splitlines())
    else:
        write_new(out, drafted.text)
    _say(
        say(
            "{questions} questions in it, after # ?; then: simulator calibrate {file} --mapping {mapping}",
            questions=drafted.questions,
            file=file,
            mapping=out or "FILE",
        ),
        error=True,
    )


@app.command()
def calibrate(
    tape: TapeFile,
    mapping: MappingFile,
    out: Out = None,
    structural: Fit = False,
    prior: Prior = None,
    force: Force = False,
    csv_bom: CsvBom = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    yes: Yes = False,
) -> None:
    """Estimate how a lender's own accounts move, with intervals, and write a scenario that starts from them."""
    folder = out or Path("out") / tape.name.partition(".")[0]

    def ask(observer):
        return sim.calibrate(
            tape, mapping, structural=structural, prior=prior, force=force, threads=threads, observer=observer
        )

    _find(ask, folder, overwrite, quiet, yes=yes, csv_bom=csv_bom)


@app.command()
def backtest(
    tape: TapeFile,
    mapping: MappingFile,
    fit_until: FitUntil,
    out: Out = None,
    csv_bom: CsvBom = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    yes: Yes = False,
) -> None:
    """Fit until a month, forecast the months after it, and score the forecast against what happened."""
    folder = out or Path("out") / f"{tape.name.partition('.')[0]}-backtest"

    def ask(observer):
        return sim.backtest(tape, mapping, fit_until, observer=observer)

    _find(ask, folder, overwrite, quiet, yes=yes, csv_bom=csv_bom)


@app.command()
def diary(
    scenario: ScenarioFile,
    borrower: Borrower,
    variant: Variants = None,
    replication: Replication = 0,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    allow_code: Code = False,
) -> None:
    """Tell one borrower's months in words, side by side under several variants."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)

    from simulator.report.progress import Progress

    with Progress() as progress:
        told = sim.diary(loaded, borrower, variant or (), replication, observer=progress)
    _warn(loaded.cautions)
    _print(told)


@app.command()
def macro(
    series: SeriesFile,
    date: Date,
    unemployment: Unemployment,
    rate: Rate,
    driver: Drivers = None,
    leave_out: LeaveOut = None,
    curve: Curve = "logit",
    out: Out = None,
    csv_bom: CsvBom = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Link a loss rate to the yearly change of unemployment; choose its lag, memory and other drivers; forecast."""
    folder = out or Path("out") / series.stem

    def ask(observer):
        from simulator.estimation.workflows import macro

        others, left = driver or (), leave_out or ()
        return macro(series, date, unemployment, rate, leave_out=left, curve=curve, drivers=others, observer=observer)

    _find(ask, folder, overwrite, quiet, csv_bom)


@app.command()
def learn(
    trial: TrialFile,
    scenario: InScenario,
    effect: Effect,
    counts: Counts,
    control: Control = "control",
    arm: Arm = None,
    column: Columns = None,
    trial_months: TrialMonths = None,
    prior: PriorKind = None,
    account_cost: AccountCost = 1.0,
    book: BookSize = None,
    out: Out = None,
    csv_bom: CsvBom = False,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Learn a policy's setting from a randomised trial, and size the next one."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)

    def ask(observer):
        from simulator.estimation.trials.estimator import columns_of

        how = {"trial_months": trial_months, "prior": prior, "account_cost": account_cost, "book": book}
        how |= {"control": control, "arm": arm}
        columns = columns_of(column or ())
        return sim.learn(trial, loaded, effect, counts, columns=columns, threads=threads, observer=observer, **how)

    folder = out or Path("out") / trial.name.partition(".")[0]
    _find(ask, folder, overwrite, quiet, csv_bom, language, yes)


@app.command()
def tail(
    scenario: ScenarioFile,
    level: Level = 0.999,
    measure: LossMeasure = "net_loss",
    variant: Lender = "baseline",
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Value at risk far in the tail: the common factor is shifted towards bad times, and weighted back."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, None, months, seed, allow_code)
    size = {} if replications is None else {"replications": replications}

    def ask(observer):
        return sim.tail(loaded, level, measure, variant, threads=threads, observer=observer, **size)

    _find(ask, out or Path("out") / f"{scenario.stem}-tail", overwrite, quiet, yes=yes, language=language)


@app.command()
def optimise(
    scenario: ScenarioFile,
    vary: Vary,
    maximise: Maximise = None,
    minimise: Minimise = None,
    subject: Subject = None,
    variant: Lender = "baseline",
    out: Out = None,
    overwrite: Overwrite = False,
    set_: Set = None,
    borrowers: Borrowers = None,
    replications: Replications = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    language: Language = ENGLISH,
    quiet: Quiet = False,
    yes: Yes = False,
    allow_code: Code = False,
) -> None:
    """Find the setting with which a measure is highest or lowest while others keep their bounds."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, replications, months, seed, allow_code)

    def ask(observer):
        return sim.optimise(
            loaded,
            vary,
            maximise=maximise,
            minimise=minimise,
            subject=subject or (),
            variant=variant,
            threads=threads,
            observer=observer,
        )

    _find(ask, out or Path("out") / f"{scenario.stem}-optimise", overwrite, quiet, yes=yes, language=language)


@app.command()
def explore(
    scenario: ScenarioFile,
    port: Port = 0,
    language: Language = ENGLISH,
    set_: Set = None,
    borrowers: Borrowers = None,
    months: Months = None,
    seed: Seed = None,
    threads: Threads = None,
    allow_code: Code = False,
) -> None:
    """Open a page with sliders for the policies of a scenario: what if? On this machine alone, until Ctrl-C."""
    loaded = sim.load_scenario(scenario, set_ or (), borrowers, None, months, seed, allow_code)
    _warn(loaded.cautions)

    from simulator.explore.question import Explored
    from simulator.explore.server import listen, serve

    serve(Explored(loaded), listen(port), threads, language, _say)


@app.command()
def parameters(scenario: ScenarioFile, set_: Set = None, allow_code: Code = False) -> None:
    """List every value in force: unit, source, status."""
    from simulator.scenario.parameters import table

    loaded = sim.load_scenario(scenario, set_ or (), allow_code=allow_code)
    _warn(loaded.cautions)
    _print(table(loaded, _width()))


@app.command()
def measures(name: MeasureName = None, source: Source = False) -> None:
    """Explain every measure, or one: formula, unit, meaning."""
    _print_markdown(sim.measures(name), source)


@app.command()
def policies(kind: PolicyKind = None, source: Source = False, check: CheckFile = None) -> None:
    """Explain every policy, or one kind: effect, what to see, settings."""
    if check is not None:
        passed = sim.check_policy(check)
        _say(f"{check}: passes all {len(passed)} checks of a policy")
        return
    _print_markdown(sim.policies(kind), source)


def _in_one(language):
    """Return the language of what is printed, and of a workbook; UserError if there is none of that name."""
    if language not in (*LANGUAGES, BOTH):
        allowed = f"allowed: {', '.join((*LANGUAGES, BOTH))}"
        raise UserError(Problem("--language", found=f"{language!r} is none of them", allowed=allowed))
    return ENGLISH if language == BOTH else language


def _find(ask, folder, overwrite, quiet, csv_bom=False, language=ENGLISH, yes=False):
    """Check the folder, have what is asked found, save it, and print what it says."""
    from simulator.report.progress import Progress

    place = _place(folder, overwrite, quiet)
    with Progress(quiet, _limits(folder, yes)) as progress:
        found = ask(progress)
        found.save(place, csv_bom=csv_bom, language=language)
    if not quiet:
        with speaking(language):
            _warn(found.cautions)
            opened = [say("{what}: {path}", what=say(what), path=folder / name) for what, name in found.opened]
            _say(*found.answers, *opened)


def _limits(folder, yes, disk=0):
    """Return what a command may take: a day, and of the disk what is free; None where all is allowed."""
    from simulator.system.needs import Limits

    return None if yes else Limits(folder=folder, disk=disk)


def _names(given):
    """Return the names of an option that takes several between commas, and may be repeated; None if it is not given."""
    return None if given is None else [name.strip() for one in given for name in one.split(",")]


def _warn(cautions):
    """Say in bold what must be known before anything else."""
    if cautions:
        from rich.text import Text

        told = [say("Caution: {caution}", caution=retold(said)) for said in cautions]
        _print(*(Text(said, style="bold") for said in told), soft_wrap=True)


def _place(folder, overwrite, quiet):
    """Return the place of the results, checked; say what a killed run had left there."""
    from simulator.system.folders import Place

    place = Place(folder, overwrite, lambda line: quiet or _say(line, error=True))
    _places.append(place)
    return place


def _shards(context, place, resume, workers, cluster):
    """Return the shards of the command, kept beside its place; None where none are asked for."""
    if not (resume or workers or cluster):
        return None
    from simulator.workers.beside import shards_beside

    if shards := shards_beside(place, resume, workers, cluster):
        _kept.append(shards)
        context.call_on_close(shards.close)
    return shards


def _say(*lines, error=False):
    """Print lines of text; nothing in them steers the terminal."""
    for line in lines:
        typer.echo(printable(line), err=error)


def _width():
    """Return the columns of the terminal, 120 where there is none."""
    return get_terminal_size().columns if sys.stdout.isatty() else 120


def _print(*renderables, **options):
    """Print rich renderables, as wide as the terminal, or 120 columns where there is none; `options` are rich's."""
    from rich.console import Console

    console = Console(width=_width(), highlight=False, markup=False, emoji=False)
    for renderable in renderables:
        console.print(renderable, **options)


def _print_markdown(text, source):
    """Print Markdown: laid out for a terminal; as it is with `source` or to a file."""
    if source or not sys.stdout.isatty():
        typer.echo(text, nl=not text.endswith("\n"))
        return
    from rich.markdown import Markdown

    _print(Markdown(text))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 1 internal failure, 130 interrupted."""
    gc.set_threshold(ALLOCATED)
    _places.clear()
    _kept.clear()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for any, it opens every installed package
    listen()
    _open_streams()
    try:
        _check_arguments(sys.argv[1:] if arguments is None else arguments)
        app(arguments)
    except UserError as error:
        _complain(error.problems)
    except OSError as error:
        if error.errno == errno.ENOENT and not Path(os.curdir).exists():
            _complain([Problem("the folder you are in", "", f"is no longer there; {_fate()}", "begin in another one")])
        if error.errno != errno.ENOSPC or error.filename:  # what is said has no name; files say theirs
            _fail(error)
        with suppress(OSError):
            _say(f"error: what was said cannot be written: {error.strerror}; {_fate()}", error=True)
        sys.exit(WRONG_INPUT)
    except MemoryError:
        _complain([Problem("memory", found=f"not enough; {_fate()}", allowed="fewer replications, months or segments")])
    except (SystemExit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != INTERRUPTED:
            raise
        with suppress(OSError):  # the terminal may be gone
            _say(f"interrupted; {_fate()}", *_going_on(arguments), error=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        _fail(error)


def _open_streams():
    """Have both streams say whatever signs they lack in others, and a closed one swallow what it is told."""

    def in_others(error):
        return _in_others(error.object[error.start : error.end]), error.end

    codecs.register_error("said in others", in_others)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  open until the end
        getattr(sys, name).reconfigure(errors="said in others")


def _in_others(signs):
    """Return signs that a terminal lacks in others: a minus and a space that does not break in plain ones."""
    plain = signs.replace("\u2212", "-").replace("\u00a0", " ")
    return plain.encode("ascii", "backslashreplace").decode("ascii")


def _fail(error):
    """Say that the program is at fault, and exit."""
    from traceback import print_exception

    with suppress(OSError):
        print_exception(error)
        typer.echo(
            f"\ninternal failure ({type(error).__name__}): {_fate()}. Please report it with the lines\n"
            f"above, the scenario file, and this version: simulator {sim.__version__}, "
            f"Python {sys.version.split()[0]}.",
            err=True,
        )
    sys.exit(INTERNAL)


def _fate():
    """Say what became of the results."""
    written = [str(place.written) for place in _places if place.written]
    return f"the results are in {', '.join(written)}" if written else "nothing was written"


def _going_on(arguments):
    """Return what to type to go on with what was kept, if anything was."""
    if not _kept or any(place.written for place in _places):
        return []
    from simulator.workers.beside import how_to_go_on

    told = (how_to_go_on(shards, sys.argv[1:] if arguments is None else arguments) for shards in _kept)
    return list(filter(None, told))


def _check_arguments(arguments):
    """Refuse words with control characters, or of bytes that are no text, before anything repeats them."""
    found = [(word, controls_in(word)) for word in arguments]
    if wrong := [
        Problem(word, found=f"a control character: {sign}", allowed="allowed: text") for word, sign in found if sign
    ]:
        raise UserError(wrong)


def _complain(problems):
    """Say the problems on the error stream, MOST_TOLD of them at most, and exit."""
    with suppress(OSError):  # nobody may be there to hear it; the exit code says it too
        _say(*(f"error: {problem}" for problem in problems[:MOST_TOLD]), error=True)
        if (more := len(problems) - MOST_TOLD) > 0:
            _say(f"error: {more:,} more", error=True)
    sys.exit(WRONG_INPUT)
