"""The commands: parse, call, print. No logic, and nothing heavy imported before a command needs it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.scenario.errors import Problem, UserError

app = typer.Typer(
    name="simulator",
    help="What a consumer lender's policies do to delinquency, bad debt and profit, borrower by borrower.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario file (TOML).")]
Out = Annotated[Path | None, typer.Option(help="Folder of the results. Default: out/<scenario>.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a complete run in that folder.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=value", help="Set one key; may be repeated.")]
Borrowers = Annotated[int | None, typer.Option(min=1, help="Borrowers of the opening book.")]
Replications = Annotated[int | None, typer.Option(min=1, help="Replications: the same people, other luck.")]
Months = Annotated[int | None, typer.Option(min=1, help="Months in which credit is granted.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all luck.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads; the result is the same. Default: all processors.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
Keep = Annotated[bool, typer.Option("--keep-replications", help="Keep every replication in monthly.parquet.")]


@app.command()
def run(
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
    keep_replications: Keep = False,
) -> None:
    """Simulate the baseline of a scenario over its months."""
    _study("run", scenario, out, overwrite, set_, borrowers, replications, months, seed, threads, quiet, keep_replications)


@app.command()
def compare(
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
    keep_replications: Keep = False,
) -> None:
    """Compare every variant of a scenario with its baseline: same people, same luck, with the run-off."""
    _study(
        "compare", scenario, out, overwrite, set_, borrowers, replications, months, seed, threads, quiet, keep_replications
    )


@app.command()
def check(scenario: ScenarioFile, set_: Set = None) -> None:
    """Validate a scenario and its tape without running it: every error at once."""
    from simulator.scenario.reader import load_scenario

    loaded = load_scenario(scenario, set_ or ())
    if loaded.baseline.portfolio.tape:
        from simulator.portfolio.tape import read_tape

        portfolio = loaded.baseline.portfolio
        for line in read_tape(portfolio.tape, portfolio.mapping, loaded.baseline).words():
            typer.echo(line)
    typer.echo(f"{scenario}: valid; variants: {', '.join(loaded.variants) or 'none'}")


@app.command()
def parameters(scenario: ScenarioFile, set_: Set = None) -> None:
    """List every value in force with its unit, source and status."""
    from simulator.scenario.parameters import table

    from simulator.scenario.reader import load_scenario

    _print(table(load_scenario(scenario, set_ or ())))


@app.command()
def measures() -> None:
    """Explain every measure: formula, unit, meaning."""
    from simulator.measures import markdown

    typer.echo(markdown())


@app.command()
def policies() -> None:
    """Explain every policy: what it does, what must be visible, its settings."""
    from simulator.policies.registry import markdown

    typer.echo(markdown())


def _study(command, scenario, out, overwrite, set_, borrowers, replications, months, seed, threads, quiet, keep):
    """Load, check the folder, simulate, write, print."""
    from simulator.scenario.reader import load_scenario

    loaded = load_scenario(scenario, set_ or (), borrowers, replications, months, seed)
    folder = out or Path("out") / scenario.stem

    from simulator import results, study
    from simulator.report.progress import Progress

    results.check_folder(folder, overwrite)
    with Progress(quiet) as progress:
        finished = getattr(study, {"run": "simulate", "compare": "compare"}[command])(loaded, threads, progress.advance)
        progress.say("writing the report")
        manifest = {
            "command": command,
            "scenario": str(scenario),
            "replay": _replay(command, folder),
            "threads": threads or study.engine.available_threads(),
            "wall_seconds": round(progress.seconds, 2),
            **finished.facts,
        }
        manifest = results.write(
            folder, finished.comparison, manifest, loaded.text(), overwrite=overwrite, keep_replications=keep
        )
    if not quiet:
        from simulator.report.terminal import summary_table

        _print(*summary_table(finished.comparison))
        typer.echo(f"\nresult_digest {manifest['result_digest']}\nreport: {folder / 'report.html'}")


def _replay(command, folder):
    """Return the command that gives the same result from the run's own folder."""
    return f"simulator {command} {folder / 'scenario.toml'}"


def _print(*renderables):
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    for renderable in renderables:
        console.print(renderable)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 wrong input, 1 internal failure, 130 interrupted."""
    try:
        app(arguments, standalone_mode=True)
    except UserError as error:
        for problem in error.problems:
            typer.echo(f"error: {problem}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("interrupted; nothing was written", err=True)
        sys.exit(130)
    except MemoryError:
        typer.echo(f"error: {Problem('memory', '', 'not enough', 'fewer replications, months or segments')}", err=True)
        sys.exit(2)
    except Exception as error:
        from traceback import print_exc

        print_exc()
        typer.echo(f"\ninternal failure ({type(error).__name__}): nothing was written. Please report it with the lines above,", err=True)
        typer.echo("the scenario file and the output of `simulator --version`.", err=True)
        sys.exit(1)
