"""What is said of the setting that is best: sentences, a table, the picture of the frontier, a page."""

import math
from typing import TYPE_CHECKING, Any

from simulator.decision.best import CLEAR, DOUBTFUL, DOUBTFULLY, IMPOSSIBLE, TOGETHER, UNMOVED
from simulator.decision.elimination import OBJECTIVE, SURE
from simulator.decision.optimum import AGAIN, COMPARISON, SEARCH, Numbers
from simulator.decision.pictures import WIDTH, key_of
from simulator.decision.settings import HOME, Setting
from simulator.language.catalogue import noted, say
from simulator.policy.why import capital, listed
from simulator.report.canvas import Plot, scale_ticks, ticks, width_of
from simulator.report.colours import COLOURS, INK, SOFT
from simulator.report.figures.scale import scale_of as figure_scale
from simulator.report.paper import Picture, Section, Table, paper
from simulator.report.phrasing import (
    MINUS,
    NO_BREAK,
    in_a_row,
    label,
    number,
    quoted,
    scale_in_words,
    scale_of,
    setting,
    sureness,
    together,
)
from simulator.report.phrasing import named as called
from simulator.report.picture import Data, Panel, pictured
from simulator.report.told import facts_told
from simulator.scenario.parameters import in_words, unit_words

if TYPE_CHECKING:
    import pyarrow as pa

    from simulator.scenario.scenario import Scenario

SHOWN = 10  # settings that are named together, at most
STAGES = {
    SEARCH: noted("as the search saw it"),
    COMPARISON: noted("as it was compared"),
    AGAIN: noted("again, on fresh replications"),
}


# ---- words ---------------------------------------------------------------------------------------


def answers(numbers: Numbers) -> list[str]:
    """Return what a reader wants to know first, in sentences."""
    return [*_chosen(numbers), *_kept(numbers), *_alike(numbers)]


def in_short(numbers: Numbers, one: Setting) -> str:
    """Return a setting in words: its last keys, and the values."""
    said = [f"{_key(numbers, key)} = {_value(numbers, key, value)}" for key, value in numbers.values(one).items()]
    told = in_a_row(said)
    return say("{setting} (as the file has it)", setting=told) if one == HOME else told


def _key(numbers, key):
    """Return the last parts of a key that tell it from the others, two at least."""
    parts = key.split(".")
    for count in range(2, len(parts)):
        short = ".".join(parts[-count:])
        if sum(other == short or other.endswith(f".{short}") for other in numbers.file) == 1:
            return short
    return key


def _value(numbers, key, value):
    file = numbers.file[key]
    if isinstance(file, list):
        by = next((x / y for x, y in zip(value, file, strict=True) if y), 1.0)
        return f"{by:.4g} × {in_words(file)}"
    return in_words(value)


def _want(numbers):
    """Return "highest net present value with approval rate at least 60 %"."""
    aims = numbers.aims
    best = say("highest {measure}" if aims.is_highest else "lowest {measure}", measure=label(aims.objective))
    bounds = [_bounded(numbers, one) for one in aims.constraints]
    return say("{best} with {bounds}", best=best, bounds=listed(bounds)) if bounds else best


def _bound(numbers, one):
    factor, before, after = scale_of(one.bound, 0.0, numbers.unit(one.measure))
    digits = f"{one.bound * factor:,.10g}".replace("-", MINUS)
    return say("at least {bound}" if one.is_least else "at most {bound}", bound=f"{before}{digits}{after}")


def _bounded(numbers, one):
    """Return "approval rate at least 60 %"."""
    return say("{measure} {bound}", measure=label(one.measure), bound=_bound(numbers, one))


def _level(numbers, one, stage, column=OBJECTIVE):
    """Return a measure of a setting in words, as it was seen in a stage."""
    found = numbers.estimate(one, stage, column)
    return number(found.value, found.se, numbers.unit(numbers.aims.measures[column]))


def _chosen(numbers):
    """Return the setting that was chosen, what it brings, and what the search had seen, in sentences."""
    unit, chosen = numbers.unit(numbers.aims.objective), numbers.chosen
    again = _level(numbers, chosen, AGAIN)
    slots = {
        "name": capital(label(numbers.aims.objective)),
        "again": again,
        "lender": quoted(numbers.lender, numbers.frame),
    }
    if numbers.status == UNMOVED:
        yield say(
            "What is varied does not move the {looked} of {lender}: every setting that was lived gives what the file's "
            "own gives, in every replication. No setting is recommended. {name} is {again} on fresh replications.",
            looked=in_a_row([label(one) for one in dict.fromkeys(numbers.aims.measures)]),
            **slots,
        )
        return
    if not numbers.moved[OBJECTIVE]:
        yield say(
            "What is varied does not move the {measure} of {lender}: settings differ only in what the constraints look "
            "at.",
            measure=label(numbers.aims.objective),
            **slots,
        )
    if numbers.status in (IMPOSSIBLE, DOUBTFULLY):
        yield from _not_met(numbers)
    else:
        yield say("{want}: {setting}.", want=capital(_want(numbers)), setting=in_short(numbers, chosen))
    if chosen == HOME:
        yield say("{name} is {again} on fresh replications. No other setting was seen to be better.", **slots)
        return
    seen, gain = numbers.gain(chosen, numbers.first), numbers.gain(chosen, AGAIN)
    better, looked = (number(one.value, one.se, unit, difference=True) for one in (gain, seen))
    yield say(
        "{name} is {again} on fresh replications: {better} from that of the file's own setting. The search by which it "
        "was chosen had seen {looked}."
        if numbers.first == SEARCH
        else "{name} is {again} on fresh replications: {better} from that of the file's own setting. The comparison by "
        "which it was chosen had seen {looked}.",
        better=better,
        looked=looked,
        **slots,
    )


def _not_met(numbers):
    """Return which constraints cannot be met, and the setting that is nearest to meeting them."""
    aims, chosen = numbers.aims, numbers.chosen
    alone = []
    for k, one in enumerate(aims.constraints):
        nearest, stage = numbers.nearest(k)
        if numbers.chances(nearest, stage)[k] < DOUBTFUL:
            slots = {"bounded": capital(_bounded(numbers, one)), "reached": _level(numbers, nearest, stage, k + 1)}
            slots["setting"] = in_short(numbers, nearest)
            if not numbers.moved[k + 1]:
                found = noted(
                    "{bounded} is impossible within these ranges: what is varied does not move it, and it is {reached}."
                )
            elif one.is_least:
                found = noted("{bounded} is impossible within these ranges: it is {reached} at most, with {setting}.")
            else:
                found = noted("{bounded} is impossible within these ranges: it is {reached} at least, with {setting}.")
            alone.append(say(found, **slots))
    yield from alone
    if not alone and numbers.status == IMPOSSIBLE:
        yield say("The constraints are impossible together within these ranges, though each can be met alone.")
    if numbers.status == DOUBTFULLY:
        yield say("No setting keeps the constraints with {sure}.", sure=sureness(SURE))
    slots = {"setting": in_short(numbers, chosen), "measure": label(aims.objective)}
    if not numbers.moved[OBJECTIVE + 1 :].any():
        yield say(
            "No setting is nearer to what is asked for than another; the highest {measure} of them has {setting}."
            if aims.is_highest
            else "No setting is nearer to what is asked for than another; the lowest {measure} of them has {setting}.",
            **slots,
        )
    else:
        yield say(
            "The setting nearest to what is asked for together is {setting}."
            if len(aims.constraints) > 1
            else "The setting nearest to what is asked for is {setting}.",
            **slots,
        )
    for k, one in enumerate(aims.constraints):
        if numbers.chances(chosen, AGAIN)[k] < SURE:
            yield say(
                "With it {measure} is {level} on fresh replications where {bound} is asked for.",
                measure=label(one.measure),
                level=_level(numbers, chosen, AGAIN, k + 1),
                bound=_bound(numbers, one),
            )


def _kept(numbers):
    """Return how sure it is that the chosen setting keeps the constraints, in a sentence."""
    aims = numbers.aims
    if not aims.constraints:
        return
    each = [
        say(
            "{measure} {level}, {bound} with {chance}",
            measure=label(one.measure),
            level=_level(numbers, numbers.chosen, AGAIN, k + 1),
            bound=_bound(numbers, one),
            chance=_percent(chance),
        )
        for k, (one, chance) in enumerate(zip(aims.constraints, numbers.chances(numbers.chosen, AGAIN), strict=True))
    ]
    yield say(
        "On fresh replications: {each}; all together with {chance}."
        if len(each) > 1
        else "On fresh replications: {each}.",
        each=say("; ").join(each),
        chance=_percent(numbers.chance(numbers.chosen, AGAIN)),
    )


def _alike(numbers):
    """Return which settings cannot be told apart from the chosen one, or that it was told apart from all."""
    if numbers.status == CLEAR:
        others = numbers.compared - 1
        yield say(
            "It is told apart from the {count:,} other compared, at least {sure} sure."
            if others == 1
            else "It is told apart from the {count:,} others compared, at least {sure} sure.",
            count=others,
            sure=_percent(SURE),
        )
    if numbers.status == TOGETHER:
        if level := [one for one in numbers.alike if not _would_be_better(numbers, one)]:
            named = _listed([in_short(numbers, one) for one in level])
            slots = {"count": len(level), "of": numbers.compared, "named": named}
            yield say("It cannot be told apart from {count:,} of {of:,}: {named}.", **slots)
        if better := [one for one in numbers.alike if _would_be_better(numbers, one)]:
            chances = {one: _percent(numbers.chance(one, COMPARISON)) for one in better}
            named = _listed(
                [say("{setting} ({chance})", setting=in_short(numbers, one), chance=chances[one]) for one in better]
            )
            yield say("Better still, but not sure to keep the constraints: {named}.", named=named)


def _would_be_better(numbers, one):
    """Return whether a setting has surely the better objective: what is open is whether it keeps the constraints."""
    ahead = numbers.ahead(one)
    return ahead.is_clear and (ahead.value < 0) == numbers.aims.is_highest


def _listed(named):
    """Return the first of what is named, and how many more there are."""
    more = len(named) - SHOWN
    told = say("; ").join(named[:SHOWN])
    return say("{named}; and {more:,} more", named=told, more=more) if more > 0 else told


def _percent(chance):
    """Return a chance in words: never all of it, never nothing."""
    if chance == SURE:
        return f"{100 * chance:.0f}{NO_BREAK}%"
    if chance > 0.999:
        return say("more than {share}", share=f"99.9{NO_BREAK}%")
    if chance < 0.001:
        return say("less than {share}", share=f"0.1{NO_BREAK}%")
    return f"{100 * chance:.1f}{NO_BREAK}%"


# ---- tables --------------------------------------------------------------------------------------


def table(numbers: Numbers) -> "pa.Table":
    """Return a row for each setting and stage in which it was seen.

    Columns: stage, a column for each key (a list: times the file's), replications, is_chosen, is_alike, is_file;
    value, se, gain, gain_se (the objective, and less that of the file's own setting); for each constraint its measure,
    MEASURE_se, MEASURE_kept (the chance) and MEASURE_frontier; all_kept.
    """
    import pyarrow as pa

    frontiers = [set(numbers.frontier(k)) for k in range(len(numbers.aims.constraints))]
    rows = [_row(numbers, one, stage, frontiers) for stage, seen in numbers.seen.items() for one in seen]
    return pa.Table.from_pylist(rows)


def _row(numbers, one, stage, frontiers):
    values, samples = numbers.values(one), numbers.seen[stage][one]
    estimate, gain = numbers.estimate(one, stage), numbers.gain(one, stage)
    row: dict[str, Any] = {"stage": stage} | {key: _plain(value, numbers.file[key]) for key, value in values.items()}
    row |= {
        "replications": len(samples),
        "is_chosen": one == numbers.chosen,
        "is_alike": one in numbers.alike,
        "is_file": one == HOME,
        "value": estimate.value,
        "se": estimate.se,
        "gain": gain.value,
        "gain_se": gain.se,
    }
    for k, (constraint, chance) in enumerate(zip(numbers.aims.constraints, numbers.chances(one, stage), strict=True)):
        found = numbers.estimate(one, stage, k + 1)
        row |= {
            constraint.measure: found.value,
            f"{constraint.measure}_se": found.se,
            f"{constraint.measure}_kept": chance,
            f"{constraint.measure}_frontier": stage == numbers.first and one in frontiers[k],
        }
    return row | {"all_kept": numbers.chance(one, stage)}


def _plain(value, file):
    """Return a number: of a list what its members are times the file's."""
    if isinstance(file, list):
        return next((float(x / y) for x, y in zip(value, file, strict=True) if y), 1.0)
    return value


def content(numbers: Numbers) -> dict[str, Any]:
    """Return the contents of optimise.json."""
    aims = numbers.aims
    return {
        "question": {
            "lender": numbers.lender,
            "objective": {
                "measure": aims.objective,
                "wanted": "highest" if aims.is_highest else "lowest",
                "unit": numbers.unit(aims.objective),
            },
            "constraints": [str(one) for one in aims.constraints],
            "file": dict(numbers.file),
            "units": dict(numbers.units),
        },
        "status": numbers.status,
        "chosen": _told(numbers, numbers.chosen),
        "not_told_apart": [
            {"setting": numbers.values(one), "chosen_less_this": _difference(numbers.ahead(one))}
            for one in numbers.alike
        ],
        "settings_compared": numbers.compared,
    }


def _told(numbers, one):
    """Return what was seen of a setting, by stage."""
    found: dict[str, Any] = {"setting": numbers.values(one)}
    for stage in (name for name in STAGES if one in numbers.seen.get(name, {})):
        found[stage] = {
            "replications": len(numbers.seen[stage][one]),
            **numbers.estimate(one, stage)._asdict(),
            "gain": _difference(numbers.gain(one, stage)),
            "constraints": {
                str(constraint): {**numbers.estimate(one, stage, k + 1)._asdict(), "probability": chance}
                for k, (constraint, chance) in enumerate(
                    zip(numbers.aims.constraints, numbers.chances(one, stage), strict=True)
                )
            },
            "probability_of_all": numbers.chance(one, stage),
        }
    return found


def _difference(d):
    return {"value": d.value, "se": d.se, "low": d.low, "high": d.high}


# ---- the page ------------------------------------------------------------------------------------


def page(numbers: Numbers, scenario: "Scenario", cautions: list[str], manifest: dict[str, Any]) -> str:
    """Return the report: one page that opens offline and begins with the answers."""
    slots = {"title": numbers.frame.title, "lender": called(numbers.lender, numbers.frame)}
    own = numbers.lender == "baseline"
    return paper(
        say("Best setting: {title}" if own else "Best setting: {title}, {lender}", **slots),
        setting(numbers.frame),
        answers(numbers),
        [],
        [
            Section(say("The frontier"), _frontier_words(numbers), [picture(numbers)]),
            Section(say("Seen, and seen again"), _again_words(), [], [_again_table(numbers)]),
            Section(say("Settings compared"), _compared_words(numbers), [], [_compared_table(numbers)]),
        ],
        facts_told(manifest),
        cautions,
    )


def _frontier_words(numbers):
    seen = numbers.seen[numbers.first]
    said = [say("{count:,} settings lived the same people and random numbers.", count=len(seen))]
    if numbers.aims.constraints and _has_line(numbers):
        said.append(say("Those on the line are the frontier: to have more of one, the other must be given up."))
    return said


def _again_words():
    return [
        say(
            "What is chosen for being the best has been favoured by chance, too. So it is lived once more, by people "
            "and random numbers by which nothing was chosen."
        )
    ]


def _again_table(numbers):
    aims, unit = numbers.aims, numbers.unit(numbers.aims.objective)
    bounds = (
        say("{measure} ({bound})", measure=label(one.measure), bound=_bound(numbers, one)) for one in aims.constraints
    )
    head = ("", say("replications"), label(aims.objective), say("less the file's own"), *bounds)
    rows = []
    for stage in (name for name in STAGES if numbers.chosen in numbers.seen.get(name, {})):
        rows.append(_seen_row(numbers, numbers.chosen, stage, say(STAGES[stage]), unit))
    if numbers.chosen != HOME:
        rows.append(_seen_row(numbers, HOME, AGAIN, say("the file's own setting, on fresh replications"), unit))
    return Table(head, rows, say("± standard error; under a constraint's measure, the chance that it is kept."))


def _seen_row(numbers, one, stage, name, unit):
    gain = numbers.gain(one, stage)
    apart = number(gain.value, gain.se, unit, difference=True) if one != HOME else "–"
    lived = f"{len(numbers.seen[stage][one]):,}"
    return (name, lived, _level(numbers, one, stage), apart, *_constraint_cells(numbers, one, stage))


def _constraint_cells(numbers, one, stage):
    return tuple(
        (_level(numbers, one, stage, k + 1), _percent(chance))
        for k, (constraint, chance) in enumerate(
            zip(numbers.aims.constraints, numbers.chances(one, stage), strict=True)
        )
    )


def _compared_words(numbers):
    if numbers.status == UNMOVED:
        return [say("All lived the same replications, and came to the same.")]
    return [
        say(
            "All lived the same replications, look by look; a setting that was beaten by one that surely keeps the "
            "constraints, or surely breaks one itself, lived no more. Those not told apart from the chosen one are "
            "marked."
        )
    ]


def _compared_table(numbers):
    aims, unit = numbers.aims, numbers.unit(numbers.aims.objective)
    others = (label(one.measure) for one in aims.constraints)
    less = say("{measure} less that of the chosen", measure=label(aims.objective))
    head = (say("setting"), say("replications"), less, *others)
    seen = numbers.seen[COMPARISON]
    order = sorted(seen, key=lambda one: (one != numbers.chosen, one not in numbers.alike, -len(seen[one])))
    rows = []
    for one in order[:SHOWN]:
        ahead = numbers.ahead(one)
        mark = _mark(numbers, one)
        apart = "–" if one == numbers.chosen else number(-ahead.value, ahead.se, unit, difference=True)
        named, lived = (in_short(numbers, one), mark), f"{len(seen[one]):,}"
        rows.append((named, lived, apart, *_constraint_cells(numbers, one, COMPARISON)))
    more = len(order) - len(rows)
    return Table(head, rows, say("{more:,} more are in frontier.parquet.", more=more) if more > 0 else "")


def _mark(numbers, one):
    """Return what became of a setting that was compared."""
    if numbers.status == UNMOVED:
        return say("the same")
    if one == numbers.chosen:
        return say("chosen")
    if one in numbers.alike:
        return say("better, if allowed") if _would_be_better(numbers, one) else say("not told apart")
    return say("breaks a constraint") if numbers.chance(one, COMPARISON) < DOUBTFUL else say("worse")


def picture(numbers: Numbers) -> Picture:
    """Return the picture: the objective against each constraint's measure, or without any against each key."""
    aims, seen = numbers.aims, numbers.seen[numbers.first]
    gains = {one: numbers.gain(one, numbers.first) for one in seen}
    chosen = None if numbers.chosen == HOME else numbers.gain(numbers.chosen, AGAIN)
    every = [*gains.values(), *([chosen] if chosen else [])]
    scale = figure_scale([gain.value for gain in every], numbers.unit(aims.objective), is_change=True)
    reach = [x * scale.factor for gain in every for x in (gain.value - 2 * gain.se, gain.value + 2 * gain.se)]
    marks = ticks(min([0.0, *filter(math.isfinite, reach)]), max([0.0, *filter(math.isfinite, reach)]), 5)
    sides: list[Any] = list(range(len(aims.constraints))) or list(numbers.file)
    panels = [_panel(numbers, side, gains, chosen, (scale, marks)) for side in sides]
    sure = {numbers.chance(one, numbers.first) >= SURE for one in seen if one != HOME}
    kept_all = say("surely keeps all constraints") if aims.constraints else say("tried")
    entries = [(COLOURS[1], kept_all)] if True in sure else []
    entries += [(COLOURS[0], say("may break a constraint"))] if False in sure else []
    is_own = numbers.chosen == HOME and numbers.status != UNMOVED
    own = say("the file's own setting, chosen") if is_own else say("the file's own setting")
    entries += [(INK, own)] + ([(COLOURS[2], say("chosen, on fresh replications"))] if chosen else [])
    caption = [
        say(
            "{measure} less that of the file's own setting, {unit}, against each constraint's measure. Bars are two "
            "standard errors; all settings share people and random numbers."
            if aims.constraints
            else "{measure} less that of the file's own setting, {unit}, against what is varied. Bars are two standard "
            "errors; all settings share people and random numbers.",
            measure=capital(label(aims.objective)),
            unit=scale.words,
        )
    ]
    if aims.constraints:
        caption += _constraints_drawn(numbers)
    head = [say("setting"), in_a_row([label(aims.objective), say("change"), scale.words]), say("standard error")]
    head += [_across_name(numbers, side) for side in sides] if aims.constraints else []
    rows = []
    for one, gain in gains.items():
        cells = [in_short(numbers, one), scale.data(gain.value), scale.data(gain.se)]
        for side in sides if aims.constraints else []:
            cells.append(f"{_across(numbers, side)(one, numbers.first)[0]:.5g}".replace("-", MINUS))
        rows.append(cells)
    shown = [*panels, key_of([(words, colour) for colour, words in entries])]
    return pictured(say("The frontier"), shown, together(caption), "", Data(head, rows))


def _panel(numbers, side, gains, chosen, axis) -> Panel:
    """Draw the objective against one measure or key: a dot for each setting, its error, the frontier, the bound."""
    (scale, marks), across, aims = axis, _across(numbers, side), numbers.aims
    placed = {one: across(one, numbers.first) for one in gains}
    home, now = across(HOME, AGAIN), None if chosen is None else across(numbers.chosen, AGAIN)
    names = sorted({x for x, _ in (*placed.values(), home, *([now] if now else [])) if isinstance(x, str)})

    def at(x) -> float:  # words stand beside each other
        return float(names.index(x)) if names else float(x)

    bound = aims.constraints[side].bound * _scale_across(numbers, side)[0] if aims.constraints else None
    reach = [at(x) + side_ * 2 * se for x, se in (*placed.values(), home, *([now] if now else [])) for side_ in (-1, 1)]
    reach = [x for x in [*reach, *([] if bound is None else [bound])] if math.isfinite(x)]
    below = [float(k) for k in range(len(names))] if names else ticks(min(reach), max(reach), 5)
    words = scale.ticks(marks, is_change=True)
    left = 8 + max(width_of(words(mark)) for mark in marks)
    ends = (below[0], below[-1]) if len(below) > 1 else (below[0] - 1, below[0] + 1)
    plot = Plot((WIDTH, 260), ends, marks, (8, 16, 24, left))
    plot.grid(words)
    told = scale_ticks(below)
    plot.below(below, lambda x: names[int(x)] if names else told(x))
    if bound is not None:
        plot.canvas.line(
            [(plot.x(bound), plot.top), (plot.x(bound), plot.bottom)], SOFT, 1.5, "6 4", hint=say("the bound")
        )
        line = [(at(placed[one][0]), gains[one].value) for one in numbers.frontier(side)]
        plot.canvas.line([(plot.x(x), plot.y(y * scale.factor)) for x, y in line], COLOURS[1], 1.4)
    said = []

    def dot(where, gain, colour, radius, hint):
        x, x_se = where
        place, high = plot.x(at(x)), plot.y(gain.value * scale.factor)
        for d_x, d_y in ((2 * x_se, 0.0), (0.0, 2 * gain.se)):
            if d_x or (d_y and math.isfinite(d_y)):
                ends = [(plot.x(at(x) + s * d_x), plot.y((gain.value + s * d_y) * scale.factor)) for s in (-1, 1)]
                plot.canvas.line(ends, colour, 0.8)
        plot.canvas.dot(place, high, colour, radius, hint=hint)
        said.append(hint)

    for one, gain in gains.items():
        if one != HOME:  # the square is that
            colour = COLOURS[1] if numbers.chance(one, numbers.first) >= SURE else COLOURS[0]
            dot(placed[one], gain, colour, 3.5, f"{in_short(numbers, one)}: {scale.signed(gain.value)}")
    plot.canvas.box(plot.x(at(home[0])) - 5, plot.y(0) - 5, 10, 10, INK, hint=say("the file's own setting: 0"))
    if chosen is not None:
        where = say("{setting}, on fresh replications", setting=in_short(numbers, numbers.chosen))
        hint = f"{where}: {scale.signed(chosen.value)}"
        dot(now, chosen, COLOURS[2], 6, hint)
    up = in_a_row([capital(label(aims.objective)), say("change"), scale.words])
    heading = say("{up}; across: {across}", up=up, across=_across_name(numbers, side))
    return Panel(heading, plot.canvas.svg(f"{heading}: {'; '.join(said)}"))


def _constraints_drawn(numbers):
    """Return what a picture shows of constraints, of that which there is, in sentences."""
    kept = {numbers.chance(one, numbers.first) >= SURE for one in numbers.seen[numbers.first] if one != HOME}
    dots = {
        frozenset((True, False)): noted("Blue dots surely keep all constraints, grey ones may not."),
        frozenset((True,)): noted("All dots surely keep all constraints."),
        frozenset((False,)): noted("No dot surely keeps all constraints."),
    }
    said = [say(dots[frozenset(kept)])] if kept else []
    if _has_line(numbers):
        return [*said, say("The dashed line is the bound, the full one the frontier.")]
    return [*said, say("The dashed line is the bound.")]


def _has_line(numbers):
    """Return whether any frontier has more than one setting."""
    return any(len(numbers.frontier(k)) > 1 for k in range(len(numbers.aims.constraints)))


def _across(numbers, panel):
    """Return a function of (setting, stage) to where it stands in a panel, and the error of that."""
    if isinstance(panel, str):
        return lambda one, stage: (_plain(numbers.values(one)[panel], numbers.file[panel]), 0.0)
    factor, _, _ = _scale_across(numbers, panel)

    def at(one, stage):
        found = numbers.estimate(one, stage, panel + 1)
        return found.value * factor, found.se * factor

    return at


def _scale_across(numbers, panel):
    """Return the scale of a constraint's measure: one for all settings."""
    constraint = numbers.aims.constraints[panel]
    means = [abs(numbers.estimate(one, numbers.first, panel + 1).value) for one in numbers.seen[numbers.first]]
    return scale_of(max(abs(constraint.bound), *means), 0.0, numbers.unit(constraint.measure))


def _across_name(numbers, panel):
    if isinstance(panel, str):
        times = isinstance(numbers.file[panel], list)
        return in_a_row([_key(numbers, panel), say("times the file's") if times else unit_words(numbers.units[panel])])
    _, before, after = _scale_across(numbers, panel)
    return in_a_row([label(numbers.aims.constraints[panel].measure), scale_in_words(before, after)])
