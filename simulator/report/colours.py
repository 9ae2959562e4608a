"""The colours of pages and pictures: by light as they are drawn, by dark as a page that is dark has them.

One colour for each lender, the same in every figure and table; the first is the baseline's. A picture is drawn in the
light ones, so that it stands for itself as a file; in a page `themed` puts the variables of its style in their place.
"""

import re

# name of the style's variable: (light, dark)
PALETTE = {
    "ink": ("#1c2024", "#e9e6df"),
    "soft": ("#575e66", "#a8afb6"),
    "line": ("#dcd8cf", "#343a41"),
    "edge": ("#b9b4a9", "#5a626b"),
    "tint": ("#f4f2ec", "#20252a"),
    "paper": ("#fdfcf9", "#15181b"),
    "better": ("#0b7a5f", "#47c3a1"),
    "worse": ("#a3372b", "#f08a7d"),
    "hatch": ("#8b8f94", "#8b9199"),
    "c0": ("#5f666e", "#a9b1b9"),
    "c1": ("#0a67a8", "#62b0ea"),
    "c2": ("#b4500b", "#f0a25a"),
    "c3": ("#0b7a5e", "#47c3a0"),
    "c4": ("#86348a", "#d693d8"),
    "c5": ("#7a6400", "#d3b84c"),
    "c6": ("#b0305c", "#f39ab4"),
    "c7": ("#6b4a3a", "#c9a48f"),
}
INK, SOFT, LINE, EDGE, TINT, PAPER, BETTER, WORSE, HATCH = (light for light, _ in list(PALETTE.values())[:9])
COLOURS = tuple(light for name, (light, _) in PALETTE.items() if re.fullmatch(r"c\d", name))
VARIABLES = {light: f"var(--{name})" for name, (light, _) in PALETTE.items()}


def of_lenders(names) -> dict[str, str]:
    """Return the colour of each lender by name, in the order of the comparison; more than there are are grey."""
    return {name: COLOURS[place] if place < len(COLOURS) else HATCH for place, name in enumerate(names)}


def themed(drawn: str) -> str:
    """Return SVG or HTML with the variables of the page's style for the colours of the palette."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: VARIABLES.get(found[0], found[0]), drawn)
