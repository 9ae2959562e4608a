"""One colour for each lender, the same in every figure and table; the first is the baseline's."""

COLOURS = ("#55626d", "#2f6f9f", "#c9772c", "#3d8f72", "#a8506b", "#7a68a6", "#8c7a3b", "#4aa3b5")


def of_lenders(names) -> dict[str, str]:
    """Return the colour of each lender by name, in the order of the comparison."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
