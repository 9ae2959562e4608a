"""What flips say: in sentences, in a picture of the nearest, in maps, on a page."""

from collections import Counter
from typing import TYPE_CHECKING

from simulator.analysis.ledger import RunFrame
from simulator.decision.crossing import FEWEST
from simulator.decision.pictures import map_of, nearest
from simulator.decision.words import breakable, digits, number
from simulator.language.catalogue import noted, retold, say
from simulator.policy.why import listed
from simulator.report import phrasing
from simulator.report.paper import Section, Table
from simulator.report.told import Told

if TYPE_CHECKING:
    from simulator.decision.flips import Flip, Flips

# where an interval is open: up to where nothing is moved, or to the end searched
NOW, END = noted("the value now"), noted("the end")
NAMED = 5  # numbers asked about that move nothing: more are counted


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
    frame = compared.frame
    slots = {"best": phrasing.quoted(best, frame), "second": phrasing.quoted(second, frame)}
    slots["measure"] = phrasing.label(measure)
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
            unclear=listed([phrasing.quoted(name, frame) for name in unclear]),
        )
    return say("Best by {measure}: {best}, by {by} over {second}.", **slots)


def _turns(found, flip):
    """Say what a flip takes; of one that may be none, that it may."""
    if flip.is_sure:
        return say("It stays best until {until}.", until=until(flip, found.comparison.frame))
    one, lender = flip.varied, phrasing.quoted(flip.to_best, found.comparison.frame)
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


def until(flip: "Flip", frame: RunFrame) -> str:
    """Return "KEY falls below 0.3 (now 0.4; 95 % interval 0.25 to 0.35), then cut_at_30 is", or "may be"."""
    slots = {"moves": _moves(flip), "lender": phrasing.quoted(flip.to_best, frame)}
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


def told(found: "Flips") -> Told:
    """Return what stands on the page."""
    sections = [
        Section(say("What turns the choice first"), [_how()], [nearest(found)] if found.flips else [], [_table(found)])
    ]
    sections += [Section(say("Two numbers together"), (), [map_of(found, one)]) for one in found.maps]
    sections.append(Section(say("Every number that was moved"), _counts(found), (), [_screened(found)]))
    title = say("{title}: what would turn the choice", title=found.scenario.baseline.title)
    setting = phrasing.setting(found.comparison.frame)
    said: list[str] = [breakable(line) for line in found.answers]
    return Told(title, setting, said, found.cautions, sections)


def _how():
    return say(
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
        say(
            "{moved} numbers were moved, to {ends} ends; {turning} turn the choice.",
            moved=len(found.screened) - nowhere,
            ends=ends,
            turning=len(turning),
        )
    ]
    if spared:
        said.append(
            say("{count} were lived at one end only: there no lead moved by a third of what turns it.", count=spared)
        )
    if nowhere:
        said.append(say("{count} could be moved to no end: the notes say why.", count=nowhere))
    why = Counter(found.left.values())
    return said + [
        say("Not moved: {count} numbers: {reason}.", count=count, reason=retold(reason))
        for reason, count in why.most_common()
    ]


def _table(found):
    rows = []
    for flip in found.flips:
        one = flip.varied
        far = say("{count} sd", count=f"{flip.distance:.2g}") if one.doubt else f"{100 * flip.distance:.0f} %"
        where = number(one, one.middle), number(one, flip.at)
        is_sure = say("yes") if flip.is_sure else say("may be none")
        then = phrasing.named(flip.to_best, found.comparison.frame)
        rows.append((breakable(one.key), *where, *ends(flip), is_sure, then, phrasing.label(flip.measure), far))
    head = (
        say("number"),
        say("now"),
        say("turns at"),
        say("95 % from"),
        say("to"),
        say("sure"),
        say("then best"),
        say("by|a measure"),
        say("distance"),
    )
    note = say(
        "sure: by the end of what was searched another is best, beyond chance. sd: standard deviations of the number's "
        "range. Without an interval: as the screen has it, on the line from now to the end, with one replication "
        "moved; only the nearest are sought."
    )
    return Table(head, rows, note)


def _screened(found):
    rows = []
    turning = {flip.varied.key for flip in found.flips}
    for one in found.screened:
        ends = [number(one.varied, one.ends[end]) if end in one.ends else "–" for end in ("low", "high")]
        turns = say("yes") if one.varied.key in turning else say("no")
        rows.append(
            (
                breakable(one.varied.key),
                number(one.varied, one.varied.middle),
                *ends,
                turns,
                say("; ").join(map(retold, one.notes)),
            )
        )
    rows += [
        (breakable(key), "–", "–", "–", say("no"), say("not moved: {why}", why=retold(why)))
        for key, why in found.left.items()
    ]
    head = (say("number"), say("now"), say("low end lived"), say("high end lived"), say("turns"), say("note"))
    return Table(head, rows)
