"""What the folder of a run takes on the disk, counted before anything is lived."""

from simulator.scenario.scenario import Scenario

BY_MONTH = 250  # lines of the ledger and measures that monthly.parquet has of a month and a cell: of 5 and 6 lenders
OF_ROW = 3  # bytes of a row there, packed: 2.1 to 3.0 in the same runs
OF_PAGE = 200_000  # bytes of a lender's part of the other files


def bytes_of_results(scenario: Scenario, compared: bool, keep_replications: bool) -> int:
    """Return about the bytes of the folder of a run, or of all variants `compared`."""
    total = 0
    for world in scenario.every_world.values():
        asked = world.baseline
        months = asked.months + (asked.run_off_months if compared else 0) + 1
        cells = len(asked.segment) * sum(map(bool, (asked.products.line, asked.products.loan))) + 1
        lenders = 1 + len(world.variants) * compared
        rows = months * cells * BY_MONTH * (1 + asked.replications * keep_replications)
        total += lenders * (rows * OF_ROW + OF_PAGE)
    return total
