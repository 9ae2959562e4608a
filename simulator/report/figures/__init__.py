"""The report's figures: each function returns a `Picture`, or None if it has nothing to show."""

from simulator.report.figures.cohorts import vintages
from simulator.report.figures.distribution import distribution
from simulator.report.figures.forest import forest
from simulator.report.figures.paths import changes, path, payback
from simulator.report.figures.roll_rates import rolls
from simulator.report.figures.waterfalls import causes, waterfall

DRAWN = {
    draws.__name__: draws
    for draws in (forest, waterfall, causes, path, changes, payback, rolls, vintages, distribution)
}


def pictures(comparison):
    """Return the pictures of a run or comparison, in reading order, in the language that is spoken."""
    drawn = (draw(comparison, name) for name in DRAWN)
    return [picture for picture in drawn if picture]


def draw(comparison, name):
    """Return the picture of that name, of DRAWN; None if it has nothing to show."""
    return DRAWN[name](comparison)
