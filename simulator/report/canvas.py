"""A small canvas on which figures are drawn: SVG with its words as text, in which any script shows.

Lengths are pixels at the size of design, about that at which a page shows it; y grows downwards.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from unicodedata import east_asian_width

from simulator.report.colours import INK, LINE, PAPER, SOFT

FONTS = (
    "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Source Han Sans SC', 'WenQuanYi Micro Hei', sans-serif"
)
SIZE = 12  # of letters
NARROW, WIDE = 0.6, 1.0  # of the size: the mean width of a Latin letter or digit, and of a Chinese one
STEPS = (1, 2, 2.5, 5, 10)  # of an axis, times a power of ten
Points = Iterable[tuple[float, float]]


class Canvas:
    """A drawing of so many pixels, which grows by marks; `svg` gives it."""

    def __init__(self, width: float, height: float):
        """Begin with nothing drawn."""
        self.width, self.height = width, height
        self.marks: list[str] = []

    def _mark(self, tag: str, hint: str, **attributes) -> None:
        """Add an element; `hint` shows where a pointer rests on it."""
        told = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items() if value != "")
        end = f"><title>{escape(hint)}</title></{tag}>" if hint else "/>"
        self.marks.append(f"<{tag}{told}{end}")

    def line(self, points: Points, colour: str, width: float = 1, dashes: str = "", hint: str = "") -> None:
        """Draw a line through points; one that is not finite interrupts it."""
        parts, part = [], list[str]()
        for x, y in points:
            if math.isfinite(x) and math.isfinite(y):
                part.append(f"{_(x)} {_(y)}")
            elif part:
                parts.append(part)
                part = []
        d = "".join("M" + "L".join(part) for part in [*parts, part] if part)
        if d:
            self._mark("path", hint, d=d, fill="none", stroke=colour, stroke_width=_(width), stroke_dasharray=dashes)

    def area(self, points: Points, colour: str, opacity: float = 1, hint: str = "") -> None:
        """Fill the polygon of points."""
        d = "L".join(f"{_(x)} {_(y)}" for x, y in points if math.isfinite(x) and math.isfinite(y))
        if d:
            self._mark("path", hint, d=f"M{d}Z", fill=colour, opacity=_(opacity, 2) if opacity < 1 else "")

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, opacity: float = 1, hint: str = ""
    ) -> None:
        """Fill a rectangle."""
        shown = _(opacity, 2) if opacity < 1 else ""
        self._mark("rect", hint, x=_(x), y=_(y), width=_(width), height=_(height), fill=colour, opacity=shown)

    def dot(self, x: float, y: float, colour: str, radius: float = 4, is_hollow: bool = False, hint: str = "") -> None:
        """Draw a dot, or a ring."""
        rim = {"stroke": colour, "stroke_width": "1.5"} if is_hollow else {}
        self._mark("circle", hint, cx=_(x), cy=_(y), r=_(radius), fill=PAPER if is_hollow else colour, **rim)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        anchor: str = "",
        colour: str = SOFT,
        is_bold: bool = False,
        most: float = math.inf,
        turn: float = 0,
    ) -> None:
        """Write words on a base line, `anchor`ed at their start, "middle" or "end"; what is over `most` is cut off."""
        shown = fitted(words, most)
        attributes = {"x": _(x), "y": _(y), "fill": "" if colour == SOFT else colour}
        attributes |= {"text_anchor": anchor, "font_weight": "600" if is_bold else ""}
        attributes["transform"] = f"rotate({_(turn)} {_(x)} {_(y)})" if turn else ""
        told = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items() if value)
        hint = f"<title>{escape(words)}</title>" if shown != words else ""
        self.marks.append(f"<text{told}>{escape(shown)}{hint}</text>")

    def svg(self, said: str, **data) -> str:
        """Return it as SVG; `said` is read to those who do not see it, `data` is for the page's script."""
        told = "".join(f' data-{name}="{value}"' for name, value in data.items())
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_(self.width)} {_(self.height)}" role="img" '
            f'aria-label="{escape(said)}" font-size="{SIZE}" fill="{SOFT}"{told}>{"".join(self.marks)}</svg>'
        )


def _(x: float, decimals: int = 1) -> str:
    """Return a length as short as it can be."""
    text = f"{x:.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-0", "-0" if float(text) else "0")


def width_of(words: str, size: float = SIZE) -> float:
    """Return about how wide words are: no font is asked, since it is that of who reads."""
    return size * sum(WIDE if east_asian_width(letter) in "WF" else NARROW for letter in words)


def fitted(words: str, most: float, size: float = SIZE) -> str:
    """Return words, cut off with an ellipsis where they would be wider than `most`."""
    if width_of(words, size) <= most:
        return words
    while words and width_of(words + "…", size) > most:
        words = words[:-1]
    return words.rstrip(" _,") + "…"


def wrapped(words: str, most: float) -> list[str]:
    """Return words in at most two lines, broken at a space; what is still wider than `most` is cut off."""
    if width_of(words) <= most or " " not in words:
        return [fitted(words, most)]
    breaks = [k for k, letter in enumerate(words) if letter == " " and width_of(words[:k]) <= most]
    at = max(breaks, default=words.index(" "))
    return [fitted(words[:at], most), fitted(words[at + 1 :], most)]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round numbers from at or below `low` to at or above `high`, about `most`, at equal steps."""
    if not high > low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in STEPS if one * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def decimals_of(numbers: Sequence[float]) -> int:
    """Return the decimals that tell round numbers apart."""
    return next((k for k in range(7) if all(abs(x - round(x, k)) < 1e-9 * max(1, abs(x)) for x in numbers)), 7)


def scale_ticks(values: Sequence[float]):
    """Return what writes ticks, all with the decimals that they need."""
    decimals = decimals_of(values)
    return lambda value: f"{value:,.{decimals}f}".replace("-", "\u2212")


class Plot:
    """A canvas with two scales: a frame of axes in which numbers have their places."""

    def __init__(
        self,
        size: tuple[float, float],
        across: tuple[float, float],
        upwards: Sequence[float],
        margins: tuple[float, float, float, float] = (10, 12, 24, 36),
    ):
        """`across` are the ends of the lower axis, `upwards` the ticks of the other; margins as in a style sheet."""
        self.canvas = Canvas(*size)
        self.top, right, bottom, self.left = margins
        self.right, self.bottom = size[0] - right, size[1] - bottom
        self.across, self.upwards = across, list(upwards)

    def x(self, value: float) -> float:
        """Return where a number is along the lower axis."""
        low, high = self.across
        return self.left + (value - low) / ((high - low) or 1) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return where a number is along the upright axis."""
        low, high = self.upwards[0], self.upwards[-1]
        return self.bottom - (value - low) / ((high - low) or 1) * (self.bottom - self.top)

    def grid(self, words) -> None:
        """Draw a line for each tick upwards, zero darker, with `words` of it."""
        for tick in self.upwards:
            at = self.y(tick)
            self.canvas.line([(self.left, at), (self.right, at)], SOFT if tick == 0 else LINE)
            self.canvas.text(self.left - 5, at + 4, words(tick), "end")

    def below(self, values: Iterable[float], words) -> None:
        """Write `words` of values below the axis."""
        for value in values:
            self.canvas.text(self.x(value), self.bottom + 16, words(value), "middle")

    def at_end(self, labels: list[tuple[float, str, str]]) -> None:
        """Write (number, words, colour) at the right end, moved apart where they would lie on each other."""
        if not labels:
            return
        gap, lowest = SIZE + 1, self.bottom + 4
        placed = sorted((self.y(value) + 4, words, colour) for value, words, colour in labels)
        at = [y for y, *_ in placed]
        for k in range(1, len(at)):
            at[k] = max(at[k], at[k - 1] + gap)
        at[-1] = min(at[-1], max(lowest, self.top + gap * len(at)))
        for k in reversed(range(len(at) - 1)):
            at[k] = min(at[k], at[k + 1] - gap)
        for y, (_, words, colour) in zip(at, placed, strict=True):
            self.canvas.text(self.right + 4, y, words, colour=colour, is_bold=True, most=self.canvas.width - self.right)


__all__ = ["FONTS", "INK", "SIZE", "Canvas", "Plot", "decimals_of", "fitted", "ticks", "width_of"]
