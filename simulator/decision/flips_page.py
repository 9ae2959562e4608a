"""What flips say: in sentences, in a picture of the nearest, in maps, on a page."""

from collections import Counter
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from simulator.decision.answer import facts_told
from simulator.decision.crossing import FEWEST
from simulator.decision.words import breakable, digits, number
from simulator.language.catalogue import noted, say
from simulator.policy.why import listed
from simulator.report import phrasing
from simulator.report.colours import COLOURS, INK
from simulator.report.paper import Picture, Section, Table, paper
from simulator.report.plotting import STYLE, figure, svg

if TYPE_CHECKING:
    from simulator.decision.flips import Flip, Flips, Map

# where an interval is open: up to where nothing is moved, or to the end searched
NOW, END = noted("the value now"), noted("the end")
NAMED = 5  # numbers asked about that move nothing: more are counted
DRAWN = 15  # flips in the picture


def answers(found: "Flips") -> list[str]:
    """Return what moves nothing of the numbers asked about, who is best by each horizon, and what turns that first."""
    still = [one.varied.key for one in found.screened if one.is_still and one.varied.key in found.keys]
    said = [
        say("{key} moves nothing: with any value lived, every lender brings exactly what it does now.", key=key)
        for key in still
    ]
    said = said if len(still) <= NAMED else []
    for measure in found.best:
        said.append(_best(found, measure))
        if measure == found.measures[0]:
            said.append(_moved(found))
        said += [_turns(found, flip) for flip in found.first[measure]]
        if not found.first[measure]:
            said.append(say("No number, moved alone as far as it is, makes another best."))
    said += [
        say("The page has a map of who is best by {first} and {second}.", first=one.first.key, second=one.second.key)
        for one in found.maps
    ]
    return said


def _best(found, measure):
    """Say who is best, by how much over the second, and from whom that cannot be told apart already now."""
    best, compared = found.best[measure], found.comparison
    values = {name: compared.estimate(name, measure).value for name in found.lenders if name != best}
    second = max(values, key=values.__getitem__)
    leads = {name: compared.difference(best, measure, against=name) for name in values}
    slots = {"measure": phrasing.label(measure), "best": phrasing.named(best), "second": phrasing.named(second)}
    if not (leads[second].value or leads[second].se > 0):
        return say("Best by {measure}: {best} and {second}, which are equal.", **slots)
    slots["by"] = phrasing.number(leads[second].value, leads[second].se, compared.frame.currency)
    unclear = [name for name, lead in leads.items() if lead.low <= 0 <= lead.high and lead.low < lead.high]
    if compared.frame.replications == 1:
        return say(
            "Best by {measure}: {best}, by {by} over {second}. One replication has no error: it may be chance, and "
            "anything may turn it.",
            **slots,
        )
    if unclear:
        return say(
            "Best by {measure}: {best}, by {by} over {second}: already now within chance of {unclear}, so that "
            "anything may turn it.",
            **slots,
            unclear=listed([phrasing.named(name) for name in unclear]),
        )
    return say("Best by {measure}: {best}, by {by} over {second}.", **slots)


def _turns(found, flip):
    """Say what a flip takes; of one that may be none, that it may."""
    if flip.is_sure:
        return say("It stays best until {until}.", until=until(flip))
    one, lender = flip.varied, phrasing.named(flip.to_best)
    if found.is_either_way(flip):
        now = number(one, one.middle)
        return say(
            "{lender} may be best where {key} falls or rises (now {now}): cannot tell.",
            lender=lender,
            key=one.key,
            now=now,
        )
    return say("{lender} may be best where {moves}.", lender=lender, moves=_moves(flip))


def _moved(found):
    """Say how many numbers were moved, how many of them move nothing, and how many could not be moved."""
    moved = [one for one in found.screened if one.ends]
    still, left = sum(one.is_still for one in moved), len(found.screened) - len(moved) + len(found.left)
    slots = {"moved": len(moved), "still": still, "left": left}
    if still and left:
        return say(
            "{moved} numbers were moved, each alone, of which {still} move nothing; {left} could not be: the last "
            "table says why.",
            **slots,
        )
    if still:
        return say("{moved} numbers were moved, each alone, of which {still} move nothing.", **slots)
    if left:
        return say("{moved} numbers were moved, each alone; {left} could not be: the last table says why.", **slots)
    return say("{moved} numbers were moved, each alone.", **slots)


def until(flip: "Flip") -> str:
    """Return "KEY falls below 0.3 (now 0.4; 95 % interval 0.25 to 0.35), then cut_at_30 is", or "may be"."""
    slots = {"moves": _moves(flip), "lender": phrasing.named(flip.to_best)}
    if flip.is_sure:
        return say("{moves}, then {lender} is", **slots)
    return say("{moves}, then {lender} may be", **slots)


def _moves(flip):
    """Return "KEY falls below 0.3 (now 0.4; 95 % interval 0.25 to 0.35)"."""
    one = flip.varied
    slots = {"key": one.key, "place": number(one, flip.at), "now": number(one, one.middle), "sure": sure(flip)}
    if one.is_whole:
        return say(
            "{key} rises to {place} (now {now}; {sure})"
            if flip.rises
            else "{key} falls to {place} (now {now}; {sure})",
            **slots,
        )
    return say(
        "{key} rises above {place} (now {now}; {sure})"
        if flip.rises
        else "{key} falls below {place} (now {now}; {sure})",
        **slots,
    )


def sure(flip: "Flip") -> str:
    """Return the interval in words; what is open is said."""
    if flip.replications < FEWEST:
        return say("no interval: as the screen has it")
    if flip.low is None and flip.high is None:
        return say("95 %: anywhere from the value now to the end, so cannot tell")
    low, high = ends(flip)
    if flip.is_sure:
        return say("95 % interval {low} to {high}", low=low, high=high)
    return say("95 % interval {low} to {high}, or nowhere", low=low, high=high)


def ends(flip: "Flip") -> tuple[str, str]:
    """Return the lower and the upper end of the interval; where they are open, up to where."""
    one = flip.varied
    if flip.replications < FEWEST:
        return "–", "–"
    open_ = (NOW, END) if flip.rises else (END, NOW)
    told = [
        say(words) if x is None else digits(one.shown(x)) for x, words in zip((flip.low, flip.high), open_, strict=True)
    ]
    low, high = told if one.shown(one.low) <= one.shown(one.high) else reversed(told)
    return low, high


def nearest(found: "Flips") -> Picture:
    """Draw where the nearest flips lie between a number's value now and the end to which it was moved."""
    shown = found.flips[:DRAWN]
    colour = dict(zip(found.lenders, COLOURS, strict=False))
    with matplotlib.rc_context(STYLE):
        made, axes = figure(1.2 + 0.3 * max(len(shown), 1))
        axis = axes[0, 0]
        for row, flip in enumerate(shown):
            one = flip.varied
            side = 1 if flip.rises else -1
            far = abs((one.high if side > 0 else one.low) - one.middle)

            def at(x, one=one, far=far):
                return (x - one.middle) / far

            low, high = (
                at(one.middle if side > 0 else one.low) if flip.low is None else at(flip.low),
                at(one.middle if side < 0 else one.high) if flip.high is None else at(flip.high),
            )
            axis.plot([low, high], [row, row], color=colour[flip.to_best], lw=3, alpha=0.4, solid_capstyle="butt")
            inside = colour[flip.to_best] if flip.is_sure else "white"
            axis.plot(at(flip.at), row, "o", color=colour[flip.to_best], mfc=inside, ms=6)
        axis.axvline(0, color=INK, lw=0.9)
        axis.set_yticks(
            range(len(shown)), [flip.varied.key.replace("behaviour.", "") for flip in shown], color=INK, size=7
        )
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.set_xlim(-1.05, 1.05)
        axis.set_xticks([-1, 0, 1], ["low end", "now", "high end"])
        axis.set_xlabel("where the number lies in what it is moved between")
        axis.grid(axis="y", visible=False)
        for name in dict.fromkeys(flip.to_best for flip in shown):
            axis.plot([], [], "o", color=colour[name], label=f"then {name}")
        if shown:
            made.legend(loc="outside lower center", ncols=3)
        caption = (
            "Dots: where another lender becomes best, all other numbers as they stand; bars: 95 % intervals, to the "
            "edge or to the value now where they are open. A hollow dot may be none: its bar is open to the edge, or "
            "it has no interval. From a number's value now to the end of its range, or to half or twice of it."
        )
        return Picture("The nearest flips", svg(made, caption), caption)


def map_of(found: "Flips", one: "Map") -> Picture:
    """Draw who is best where two numbers are moved together, a panel for each horizon."""
    colour = dict(zip(found.lenders, COLOURS, strict=False))
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.6, 1, len(one.best), sharey=True)
        for axis, (measure, best) in zip(axes.flat, one.best.items(), strict=True):
            for j, row in enumerate(best):
                for i, name in enumerate(row):
                    axis.add_patch(
                        matplotlib.patches.Rectangle(
                            (i - 0.5, j - 0.5), 1, 1, color=colour.get(name, "white"), lw=0, alpha=0.75
                        )
                    )
            for number_, places, along in ((one.first, one.xs, "x"), (one.second, one.ys, "y")):
                told = [digits(number_.shown(x)) for x in places]
                getattr(axis, f"set_{along}ticks")(range(len(places)), told, size=7)
                getattr(axis, f"set_{along}lim")(-0.5, len(places) - 0.5)
                middle = np.interp(number_.middle, places, range(len(places)))
                (axis.axvline if along == "x" else axis.axhline)(middle, color=INK, lw=0.9, ls=":")
            axis.set_xlabel(f"{one.first.key}, {one.first.shown_unit}", size=8)
            axis.set_title(phrasing.label(measure).capitalize())
            axis.grid(visible=False)
        axes[0, 0].set_ylabel(f"{one.second.key}, {one.second.shown_unit}", size=8)
        seen = dict.fromkeys(name for best in one.best.values() for row in best for name in row if name)
        for name in seen:
            axes[0, 0].plot([], [], "s", color=colour[name], label=f"{name} is best")
        made.legend(loc="outside lower center", ncols=3)
        caption = (
            f"Who is best where {one.first.key} and {one.second.key} are moved together; dotted lines: their values "
            "now. Each square is lived at its middle; a white one is refused by the scenario."
        )
        return Picture(f"{one.first.key} and {one.second.key}", svg(made, caption), caption)


def page(found: "Flips", manifest: dict) -> str:
    """Return the report as HTML."""
    sections = [
        Section("What turns the choice first", [_how(found)], [nearest(found)] if found.flips else [], [_table(found)])
    ]
    sections += [Section("Two numbers together", (), [map_of(found, one)]) for one in found.maps]
    sections.append(Section("Every number that was moved", [_counts(found)], (), [_screened(found)]))
    title = f"{found.scenario.baseline.title}: what would turn the choice"
    setting = phrasing.setting(found.comparison.frame)
    said: list[str] = [breakable(line) for line in found.answers]
    return paper(title, setting, said, [], sections, facts_told(manifest), found.cautions)


def _how(found):
    return (
        "Each number is moved alone, within its 90 % range or, where it has none, between half and twice its value. "
        "Best is who has the highest mean; a lead that is within chance turns within chance. Nearest first: by "
        "standard deviations of the range, or by the share of the value."
    )


def _counts(found):
    turning = {flip.varied.key for flip in found.flips}
    ends = sum(len(one.ends) for one in found.screened)
    spared = sum(one.is_spared for one in found.screened)
    nowhere = sum(not one.ends for one in found.screened)
    said = [
        f"{len(found.screened)} numbers were moved, to {ends} ends; {len(turning)} turn the choice.",
        f"{spared} were lived at one end only: there no lead moved by a third of what turns it." if spared else "",
        f"{nowhere} could be moved to no end: the notes say why." if nowhere else "",
    ]
    why = Counter(found.left.values())
    said += [f"Not moved: {count} numbers: {reason}." for reason, count in why.most_common()]
    return " ".join(filter(None, said))


def _table(found):
    rows = []
    for flip in found.flips:
        one = flip.varied
        far = f"{flip.distance:.2g} sd" if one.doubt else f"{100 * flip.distance:.0f} %"
        where = number(one, one.middle), number(one, flip.at)
        is_sure = "yes" if flip.is_sure else "may be none"
        rows.append((breakable(one.key), *where, *ends(flip), is_sure, flip.to_best, phrasing.label(flip.measure), far))
    head = ("number", "now", "turns at", "95 % from", "to", "sure", "then best", "by", "distance")
    return Table(
        head,
        rows,
        "sure: by the end of what was searched another is best, beyond chance. sd: standard deviations of the number's "
        "range. Without an interval: as the screen has it, on the line from now to the end, with one replication "
        "moved; only the nearest are sought.",
    )


def _screened(found):
    rows = []
    turning = {flip.varied.key for flip in found.flips}
    for one in found.screened:
        ends = [number(one.varied, one.ends[end]) if end in one.ends else "–" for end in ("low", "high")]
        turns = "yes" if one.varied.key in turning else "no"
        rows.append(
            (breakable(one.varied.key), number(one.varied, one.varied.middle), *ends, turns, "; ".join(one.notes))
        )
    rows += [(breakable(key), "–", "–", "–", "no", f"not moved: {why}") for key, why in found.left.items()]
    return Table(("number", "now", "low end lived", "high end lived", "turns", "note"), rows)
