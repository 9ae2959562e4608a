"""`python -m benchmarks`: time the kernel (under a minute); `floor`, `identities`, `digests` and others: longer."""

import json
import sys
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from simulator.report.progress import Progress

from .machine import machine

OUT = Path("out")
LENDINGCLUB = Path("scenarios/maps/lendingclub_36m.toml")
MOST_NS = 8  # per borrower-month and core, line only: the aim on a machine with 512-bit vectors
app = typer.Typer(add_completion=False, rich_markup_mode=None)
Full = Annotated[bool, typer.Option("--full", help="also books of 10^8 and whole commands of minutes")]


@app.callback(invoke_without_command=True)
def bench(context: typer.Context, full: Full = False) -> None:
    """Time the kernel beside its peers, as it grows, and whole commands; write out/bench.json and out/bench.png."""
    if context.invoked_subcommand:
        return
    from . import figures, plot, suite

    found = suite.measure(full)
    result = figures.result(found.timed, found.others, found.growth, machine())
    OUT.mkdir(exist_ok=True)
    (OUT / "bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    plot.draw(found.timed, found.growth, result["machine"], OUT / "bench.png")
    _print(figures.table(found.timed, result["machine"]), *figures.sentences(result, MOST_NS), *found.missing)
    _print(f"{OUT / 'bench.json'}, {OUT / 'bench.png'}")


@app.command(name="floor")
def where_it_goes() -> None:
    """Take a borrower-month apart: random words, on-time path, the other paths, people."""
    from . import floor

    with Progress() as bar:
        parts = floor.parts(progress=bar.started)
    about = machine()
    rows = Table("part", title=f"ns per borrower-month; {about['cpu']}, {about['vector_bits']}-bit vectors, one thread")
    rows.add_column("ns", justify="right")
    rows.add_column("how it was measured")
    for part in parts:
        rows.add_row(part.name, f"{part.ns:.2f}", part.how)
    _print(rows)


@app.command(name="moved")
def where_a_moved_scenario_goes() -> None:
    """Time a scenario with one number moved: read, lowered, lived; a file read, and a tiny run."""
    from . import moved

    with Progress() as bar:
        every = moved.moved(bar.started)
        files, tiny = moved.file_read(), moved.tiny_run()
    about = f"six lenders, both futures, {moved.BORROWERS} borrowers, {moved.REPLICATIONS} replications"
    rows = Table("moved", title=f"ms of processor time, {about}; {machine()['cpu']}")
    for column in ("read", "scores", "lowered", "lived and settled", "in all"):
        rows.add_column(column, justify="right")
    for one in every:
        rows.add_row(one.name, *(f"{ms:.1f}" for ms in (one.read, one.scores, one.lowered, one.lived, one.whole)))
    _print(rows, f"the files read: {files:.1f} ms; a run of {moved.TINY} borrowers: {tiny:.1f} ms")


@app.command(name="roads")
def every_road() -> None:
    """Time every road beside the one it is held against, with its goal: rolls, readers, segments, tapes, lowering."""
    from . import roads

    with Progress() as bar:
        every = list(roads.roads(bar.started))
    about = machine()
    title = f"processor time; {about['cpu']}, {about['vector_bits']}-bit vectors, one thread of {about['threads']}"
    rows = Table("road", title=title)
    for column in ("took", "against", "unit", "times", "goal", "stretch", "MB at most"):
        rows.add_column(column, justify="right")
    for road in every:
        took = road.took if np.isnan(road.against) else road.times
        times = "" if np.isnan(road.against) else f"{road.times:.2f}"
        marked = f"{road.goal:g}, {'kept' if took <= road.goal else 'missed'}"
        numbers = (road.took, road.against, road.megabytes)
        shown = ["" if np.isnan(number) else f"{number:,.1f}" for number in numbers]
        goals = ["", ""] if np.isnan(road.goal) else [marked, f"{road.stretch:g}"]
        rows.add_row(road.name, *shown[:2], road.unit, times, *goals, shown[2])
    _print(rows)


@app.command()
def explore(borrowers: Annotated[int, typer.Option(help="of the opening book")] = 100_000) -> None:
    """Time the live page: from a drag to each of its pictures, from a small part of the book to all of it."""
    from . import explore as run

    before = run.load()
    with Progress() as bar:
        every = run.drags(borrowers, bar.started)
    about = f"{borrowers:,} borrowers, {run.MONTHS} months and the run-off, two lenders; {machine()['cpu']}, {before}"
    rows = Table("picture", title=f"ms after a drag; {about}")
    for column in ("best", "median", "processor, best", "width of the interval, of the last"):
        rows.add_column(column, justify="right")
    last = every[0][-1].width
    for shown in zip(*every, strict=True):
        after, worked = [one.after for one in shown], [one.processor for one in shown]
        times = (f"{time:,.0f}" for time in (min(after), median(after), min(worked)))
        rows.add_row(shown[0].counted, *times, f"{shown[0].width / last:.1f}")
    _print(rows)


@app.command()
def screenshots(runs: Annotated[Path, typer.Option(help="where the runs lie, or are written")] = OUT / "pages") -> None:
    """Take the pictures of docs/images: a report wide and narrow, light, dark and printed, in both languages."""
    from . import screenshots as pictures

    with Progress() as bar:
        taken = list(pictures.take(Path("docs") / "images", runs, bar.started))
    _print(*(f"{size / 1000:6.0f} kB  {name}" for name, size in taken))


@app.command()
def identities(replications: Annotated[int, typer.Option(help="of every scenario")] = 0) -> None:
    """Check every identity over all shipped scenarios and variants, at least 10^9 borrower-months."""
    from . import identities as run

    with Progress() as bar:
        counted = run.check(bar.advanced, replications or run.REPLICATIONS)
    table = Table("scenario", title=f"identities hold in every cell ({bar.seconds:,.0f} s)")
    for column in ("variants", "borrower-months", "months of open accounts"):
        table.add_column(column, justify="right")
    for row in counted:
        table.add_row(row.scenario, *(f"{number:,}" for number in row[1:]))
    done = [sum(column) for column in list(zip(*counted, strict=True))[1:]]
    table.add_section()
    table.add_row("all", *(f"{number:,}" for number in done))
    _print(table)
    _end(done[2] >= run.AT_LEAST, f"only {done[2]:,} months of open accounts, fewer than {run.AT_LEAST:,}")


@app.command(name="large_pool")
def large_pool(
    every_row: Annotated[bool, typer.Option("--all", help="all 20 rows of the table, not 5")] = False,
) -> None:
    """Check factor and roll matrix against closed forms, 2 x 10^9 borrower-months for each row of the table."""
    from . import large_pool as run

    with Progress() as bar:
        checks, total = run.checks(bar.advanced, every_row)
    title = f"{total:,} borrower-months ({bar.seconds:,.0f} s)"
    table = Table("what", title=title)
    for column in ("found", "expected", "standard error", "z"):
        table.add_column(column, justify="right")
    for check in checks:
        numbers = (check.found, check.expected, check.error)
        table.add_row(check.name, *(f"{number:,.6g}" for number in numbers), f"{check.z:+.2f}")
    _print(table)
    _print(f"largest |z| of {len(checks)}: {max(abs(check.z) for check in checks):.2f}")
    wrong = [check.name for check in checks if not abs(check.z) < run.LIMIT]
    _end(not wrong, f"off by {run.LIMIT} standard errors or more: {', '.join(wrong)}")


@app.command()
def bitflips(
    flips: Annotated[int, typer.Option(help="in turn among the cached files")] = 200,
    seed: int = 1,
    runs: Annotated[int, typer.Option(help="whole runs that compile anew, up to a minute each")] = 3,
) -> None:
    """Flip bits in every cached file of compiled code: none is loaded, no result is wrong."""
    from . import bitflips as run

    with Progress() as bar:
        rows = run.check(flips, seed, runs, bar.started)
    table = Table("file", title=f"{flips} flipped bits ({bar.seconds:,.0f} s)")
    for column in ("flips", "refused with a word", "whole runs", "right"):
        table.add_column(column, justify="right")
    for row in rows:
        table.add_row(row.file, *(str(number) for number in row[1:]))
    _print(table)
    wrong = [row.file for row in rows if row.refused < row.flips or row.right < row.commands]
    _end(not wrong, f"a flipped bit was not seen in: {', '.join(wrong)}")


@app.command(name="as_numba")
def as_numba() -> None:
    """Compile the whole kernel by numba itself too: the same bytes of every sum."""
    from . import as_numba as run

    with Progress() as bar:
        bar.started("compiling the kernel by numba itself")
        same = run.check()
    _print(f"{len(same)} scenarios ({bar.seconds:,.0f} s)")
    _end(all(same.values()), f"other sums: {', '.join(name for name, is_same in same.items() if not is_same)}")


@app.command()
def kills(
    times: Annotated[int, typer.Option(min=1, help="of kill -9")] = 50,
    resumed: Annotated[int, typer.Option(min=1, help="of kill -9 of a run in shards, each gone on with")] = 20,
    seed: int = 1,
) -> None:
    """Kill comparisons at random points: whole folders only, no litter after the next run, shards gone on with."""
    from . import kills as run

    with Progress() as bar:
        in_shards = run.goes_on(resumed, seed, lambda done: bar.advanced(f"kill and resume {done}", 1, resumed))
        killed = run.check(times, seed, lambda done: bar.advanced(f"kill {done}", 1, times))
    further = sum(one.after > one.before for one in in_shards)
    _print(f"{resumed} times kill -9 and --resume: {further} came further, the end has the digest of a run left alone")
    table = Table("killed", "what stood", title=f"{times} times kill -9 ({bar.seconds:,.0f} s)")
    for column in ("times", "folders left beside it", "problems"):
        table.add_column(column, justify="right")
    for when, stood in sorted({(one.when, one.stood) for one in killed}):
        some = [one for one in killed if (one.when, one.stood) == (when, stood)]
        left, problems = sum(one.left for one in some), sum(len(one.problems) for one in some)
        table.add_row(when, stood, *(str(number) for number in (len(some), left, problems)))
    _print(table)
    problems = [problem for one in (*in_shards, *killed) for problem in one.problems]
    _end(not problems, "; ".join(problems))


@app.command()
def coverage(seeds: Annotated[int, typer.Option(min=50, help="runs of each world")] = 200) -> None:
    """Check that 95 % intervals of levels, differences, the verdict, tails and states cover 92 to 98 times in 100."""
    from . import coverage as run

    with Progress() as bar:
        checks = run.check(bar.advanced, seeds)
    table = Table("95 % interval of", title=f"{seeds} runs, each with its own seed ({bar.seconds:,.0f} s)")
    for column in ("value", "covered", "of 100", "should be"):
        table.add_column(column, justify="right")
    for check in checks:
        wanted = (
            f"{100 * run.LEAST:.0f} to {100 * run.MOST:.0f}" if check.exact else f"{100 * run.LEAST_ROUGH:.0f} or more"
        )
        share = f"{100 * check.share:.1f}"
        table.add_row(check.name, f"{check.truth:,.6g}", f"{check.covered} of {check.of}", share, wanted)
    _print(table)
    wrong = [check.name for check in checks if not check.is_right]
    _end(not wrong, f"covers too seldom or too often: {', '.join(wrong)}")


@app.command()
def remembering(books: Annotated[int, typer.Option(min=20, help="of each length")] = 100) -> None:
    """Check that few books without memory are given some, or kinds of people, and that 30+ in a year is right.

    Where hazards fall with the stay, and where people differ.
    """
    from . import remembering as run

    with Progress() as bar:
        rates = [run.false_alarms(months, 8000, books, bar.advanced) for months in (3, 4, 12, 24, 60)]
        drifts = [run.drift(months, 20_000, books // 5, bar.advanced) for months in (4, 12, 24, 60)]
        people = [run.drift_of_kinds(months, 20_000, books // 5, bar.advanced) for months in (4, 12, 24, 60)]
    table = Table("months", title=f"books without memory, moved by a factor ({bar.seconds:,.0f} s)")
    for column in ("accounts", "books", "given memory", "given kinds"):
        table.add_column(column, justify="right")
    for rate in rates:
        table.add_row(str(rate.months), f"{rate.accounts:,}", str(rate.books), str(rate.expanded), str(rate.of_kinds))
    tables = []
    for title, found in (("hazards that fall with the stay", drifts), ("people who differ", people)):
        off = Table("months", title=f"{title}: 30+ in a year against what is to come")
        for column in ("accounts", "books", "rows chosen", "matrix"):
            off.add_column(column, justify="right")
        for one in found:
            near = f"{100 * one.remembering:+.1f} % ± {100 * one.error:.1f}"
            off.add_row(str(one.months), f"{one.accounts:,}", str(one.books), near, f"{100 * one.plain:+.0f} %")
        tables.append(off)
    _print(table, *tables)
    most = run.MOST_FALSE
    often = [str(rate.months) for rate in rates if max(rate.expanded, rate.of_kinds) > most * rate.books]
    far = [str(one.months) for one in (*drifts, *people) if one.months >= run.ENOUGH and not one.is_right]
    wrong = [f"given memory or kinds too often with {months} months" for months in often]
    wrong += [f"off with {months} months" for months in far]
    _end(not wrong, "; ".join(wrong))


@app.command()
def fans(
    books: Annotated[int, typer.Option(min=10, help="of each kind")] = 40,
    accounts: Annotated[int, typer.Option(min=1000, help="of a book")] = 15_000,
) -> None:
    """Check that 90 % fans of a year hold what comes: with and without memory, kinds, and shifts of each state."""
    from . import fans as run

    with Progress() as bar:
        found = [each for kind in run.KINDS for each in run.held(kind, accounts, books, bar.advanced)]
    table = Table("book", "measure", title=f"inside the 90 % fan, and its width over the spread ({bar.seconds:,.0f} s)")
    for months in run.HORIZONS:
        table.add_column(f"month {months}", justify="right")
    for each in found:
        pairs = zip(each.inside, each.width, strict=True)
        table.add_row(each.kind, each.measure, *(f"{inside:.2f} {width:.2f}" for inside, width in pairs))
    _print(table)
    low, high = run.WANTED
    slack = 3 * (0.9 * 0.1 / books) ** 0.5
    wrong = [f"{e.measure}, {e.kind}" for e in found if min(e.inside) < low - slack or max(e.inside) > high + slack]
    _end(not wrong, f"holds too seldom or too often: {'; '.join(wrong)}")


@app.command()
def dues(
    books: Annotated[int, typer.Option(min=20, help="with a planted hump")] = 100,
    loans: Annotated[Path | None, typer.Option(help="finished loans: also halves of that file")] = None,
    mapping: Annotated[Path, typer.Option(help="what the columns of that file mean")] = LENDINGCLUB,
) -> None:
    """Check that intervals of what is charged off by a due hold the truth, in planted books and in unseen halves."""
    from . import dues as run

    with Progress() as bar:
        found = {"planted humps": run.humps(books, progress=bar.advanced)}
        if loans:
            found["halves of the file"] = run.unseen(loans, mapping, progress=bar.advanced)
    table = Table("90 % intervals", title=f"share that holds the truth, by due ({bar.seconds:,.0f} s)")
    for due in run.DUES[: max(len(held.dues) for held in found.values())]:
        table.add_column(str(due), justify="right")
    table.add_column("of", justify="right")
    table.add_column("chi-squared of ten groups: median, 95 %", justify="right")
    for name, held in found.items():
        shares = [f"{share:.2f}" for share in held.held / held.of]
        middle, most = np.quantile(held.chi_squared, [0.5, 0.95])
        table.add_row(name, *shares, str(held.of), f"{middle:.1f}, {most:.1f}")
    _print(table)
    wrong = [name for name, held in found.items() if not held.is_right]
    _end(not wrong, f"hold too seldom or too often: {', '.join(wrong)}")


@app.command()
def trials(count: Annotated[int, typer.Option("--trials", min=50, help="made-up trials")] = 500) -> None:
    """Check that 90 % intervals of what trials teach hold 86 to 94 times in 100, and the size of the next trial."""
    from . import trials as run

    with Progress() as bar:
        held = run.held(count, 1, tell=bar.advanced)
        bar.started("every trial that can come out")
        sizes = [run.size(*case) for case in run.cases()]
    table = Table("90 % intervals of", title=f"{count} made-up trials ({bar.seconds:,.0f} s)")
    for column in ("hold", "of", "of 100"):
        table.add_column(column, justify="right")
    shares = {"the setting": (held.setting, held.trials), "a segment's effect": (held.segments, held.of_segments)}
    for name, (holds, of) in shares.items():
        table.add_row(name, f"{holds:,}", f"{of:,}", f"{100 * holds / of:.1f}")
    next_trial = Table("next trial, accounts an arm", "recommended", "by brute force", "off by")
    for size in sizes:
        numbers = f"{size.recommended:,}", f"{size.brute:,}", f"{100 * (size.recommended / size.brute - 1):+.0f} %"
        next_trial.add_row(size.case, *numbers)
    _print(table, next_trial)
    wrong = [name for name, (holds, of) in shares.items() if not run.LEAST <= holds / of <= run.MOST]
    wrong += [size.case for size in sizes if not size.is_right]
    _end(not wrong, f"wrong: {', '.join(wrong)}")


@app.command()
def structural(
    books: Annotated[int, typer.Option(min=5, help="of each kind")] = 100,
    accounts: Annotated[int, typer.Option(min=500, help="of each book")] = 4000,
    months: Annotated[int, typer.Option(min=3, help="of each tape, after its first")] = 12,
    before: Annotated[int, typer.Option(min=0, help="months lived before the tape of the second kind begins")] = 12,
    file: Annotated[Path, typer.Option(help="where fits are kept; those that are there are not done again")] = OUT
    / "structural.jsonl",
) -> None:
    """Check that 90 % intervals of the structural fit hold planted parameters, wherever it says that it knows them."""
    from . import structural as run

    file.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"that begin with the tape": 0, f"lived {before} months before": before}
    wrong, tables = [], []
    with Progress() as bar:
        for kind, lived in kinds.items():
            found = run.fits(file, books, accounts, months, lived, bar.advanced)
            refused = sum(one["refused"] for one in found)
            table = Table(
                "90 % interval of", title=f"{len(found)} books {kind}, {refused} refused ({bar.seconds:,.0f} s)"
            )
            for column in ("identified", "of books", "holds", "of 100", "planted below it"):
                table.add_column(column, justify="right")
            for row in run.held(found):
                share = f"{100 * row.holds / row.identified:.0f}" if row.identified else "-"
                numbers = (row.identified, row.books, row.holds, share, row.below)
                table.add_row(row.parameter, *map(str, numbers))
            tables.append(table)
            every = run.held(found)[-1]
            if not lived and not run.LEAST <= every.holds / max(every.identified, 1) <= run.MOST:
                wrong.append(kind)
    _print(*tables)
    _end(not wrong, f"intervals hold too seldom or too often: books {', '.join(wrong)}")


@app.command()
def golden(
    accept: Annotated[str | None, typer.Option(metavar="WHY", help="keep what moved, and why it is right")] = None,
) -> None:
    """Check that the sums of every shipped scenario are those that are kept; change them with a reason only."""
    from . import digests as run

    with Progress() as bar:
        now = run.golden(progress=bar.advanced)
    moved = run.moved(now) if accept is None else run.accept(now, accept)
    _print(f"{len(now)} scenarios ({bar.seconds:,.0f} s)", *(f"moved: {name}" for name in moved))
    _end(accept is not None or not moved, f"{len(moved)} moved; --accept WHY keeps them")


@app.command()
def digests(
    write: Annotated[Path | None, typer.Option(help="JSON file to write")] = None,
    against: Annotated[Path | None, typer.Option(help="JSON file written before, to compare with")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="small scenarios: a minute")] = False,
) -> None:
    """Prove that no number moved: digests of all shipped scenarios and of random worlds with every policy."""
    from . import digests as run

    size = run.QUICK if quick else run.FULL
    before = json.loads(against.read_text(encoding="utf-8")) if against else None
    if before and before["size"] != size._asdict():
        raise typer.BadParameter(f"{against} is of another size, {before['size']}", param_hint="--against")
    with Progress() as bar:
        now = run.measure(size, bar.advanced)
    _print(f"{len(now['digests'])} digests ({bar.seconds:,.0f} s)")
    if write:
        write.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    wrong = run.unequal_kernels(now["digests"])
    if before:
        wrong += run.differences(before, now)
        _print(*filter(None, [run.other_machine(before, now)]))
    _print(*wrong)
    _end(not wrong, f"{len(wrong)} differences")


@app.command()
def fuzz(
    scenarios: Annotated[int, typer.Option(help="mutated scenarios")] = 5000,
    tapes: Annotated[int, typer.Option(help="mutated tapes and mappings")] = 1000,
    commands: Annotated[int, typer.Option(help="mutated command lines")] = 1000,
    kept: Annotated[int, typer.Option(help="mutated files that the program has written")] = 1000,
    seed: Annotated[int, typer.Option(help="of the mutations")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="processes at work")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the last run of this seed was ended")] = False,
    only: Annotated[str | None, typer.Option(help="one case alone, as scenario:17")] = None,
    special: Annotated[bool, typer.Option(help="pipes, devices and the like before every reader")] = True,
) -> None:
    """Give wrong input without end: no traceback, no answer later than 10 s, nothing left behind."""
    from . import fuzz as run

    counts = {"scenario": scenarios, "tape": tapes, "command": commands, "kept": kept}
    with Progress() as bar:
        if only is None:
            found = run.run(seed, counts, OUT / "fuzz", bar.advanced, workers, resume)
        else:
            kind, number = only.split(":")
            found = run.one(seed, kind, int(number), OUT / "fuzz")
        strange = list(run.special()) if special and only is None else []
    cases = ", ".join(f"{count:,} {kind}s" for kind, count in found.cases.items())
    table = Table("command and exit code", title=f"seed {seed}: {cases} ({bar.seconds:,.0f} s)")
    table.add_column("answers", justify="right")
    for name, count in sorted(found.codes.items()):
        table.add_row(name, f"{count:,}")
    _print(table, f"slowest answer: {found.slowest:.1f} s; special files: {len(strange)}")
    if found.others:
        _print(f"{found.others:,} of them were answered by other sources, before this was resumed")
    faults = [*found.faults, *((name, fault) for name, fault in strange if fault)]
    for name, fault in faults:
        _print(f"{name}: {fault.what}")
    _end(not faults, f"{len(faults):,} faults: see {OUT / 'fuzz'}")


@app.command()
def faults(
    some: Annotated[str, typer.Argument(help="those whose name begins with this; default: all")] = "",
) -> None:
    """Have the machine fail under commands: full and locked disks, folders and processes taken away, bombs, no home."""
    from . import faults as run

    rows, answers = Table("fault", "command", title="the machine at fault"), []
    for column in ("exit code", "seconds", "wrong"):
        rows.add_column(column, justify="right")
    with Progress() as bar:
        for one in run.answers(some):
            bar.started(f"{one.fault}: {one.command}")
            answers.append(one)
            rows.add_row(one.fault, one.command, str(one.code), f"{one.seconds:.1f}", one.wrong)
    _print(rows, *(() if run.mounts() else ("full and read-only disks are left out: this system mounts none",)))
    wrong = [f"{one.fault}: {one.command}: {one.wrong}" for one in answers if one.wrong]
    _end(not wrong, "\n".join(wrong))


def _print(*renderables):
    """Print rich renderables, as wide as the terminal, or 120 columns where there is none."""
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    for renderable in renderables:
        console.print(renderable)


def _end(is_right, problem):
    """Say whether all is right; exit 1 with the problem if not."""
    _print("all is right" if is_right else problem)
    if not is_right:
        raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
