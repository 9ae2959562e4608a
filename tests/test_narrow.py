"""Tables for a terminal of any width: whole columns give way, with a mark, and no number is ever broken."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from simulator.report.narrow import BREAKS, Column, Fitted

NUMBERS = ("14,685\n± 2,955", "~ −0.006\n± 0.041", "+CNY\u00a01,234,567", "0")


def printed(table, width):
    """Return what a terminal of so many columns shows."""
    out = StringIO()
    Console(file=out, width=width, highlight=False, markup=False).print(table)
    return out.getvalue()


def table(names, heads, kept=()):
    """Return a table with numbers in every cell; the columns of the heads `kept` are the last to give way."""
    columns = [
        Column(head, [Text(NUMBERS[(k + row) % len(NUMBERS)]) for row in range(len(names))], head in kept)
        for k, head in enumerate(heads)
    ]
    return Fitted([Text(name) for name in names], columns)


@given(
    st.lists(st.sampled_from(["baseline", "a_variant_of_a_long_name", "冻结三十天", "x"]), min_size=1, max_size=5),
    st.lists(
        st.sampled_from(["net loss, CNY", "净现值，万元", "rate a year", "p"]), min_size=1, max_size=6, unique=True
    ),
    st.integers(min_value=36, max_value=140),
)
def test_a_number_is_shown_whole_or_its_column_is_named_below(names, heads, width):
    """No line is longer than the terminal; a column's numbers are all there, or its head stands in the last line."""
    made = table(names, heads)
    shown = printed(made, width)
    below = " ".join(shown[shown.index("…") :].split()) if "…" in shown else ""

    assert all(Text(line).cell_len <= width for line in shown.splitlines())
    for column in made.columns:
        if column.head not in below:
            for cell in column.cells:
                assert all(line in shown for line in cell.plain.splitlines())
    assert len([head for head in heads if head not in below]) >= 1


def test_what_is_kept_gives_way_last():
    """The rightmost column that is not kept goes first; one column always stays."""
    heads = ("loss", "rate", "profit", "value")
    left = [printed(table(["baseline"], heads, ("value",)), width).splitlines()[0].split() for width in (80, 45, 20)]

    assert left == [["loss", "rate", "profit", "value"], ["loss", "rate", "value"], ["value"]]


@pytest.mark.parametrize(("line", "pieces"), [("± 2,955", ["± 2,955"]), ("~ +1 of it", ["~ +1", "of", "it"])])
def test_a_sign_stays_with_its_number(line, pieces):
    """A line breaks at spaces, but not after ± or ~."""
    assert BREAKS.split(line) == pieces
