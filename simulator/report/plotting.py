"""What pictures with axes of any kind are drawn with: matplotlib in the report's style, its words as text."""

import io
import re
import warnings
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter

from simulator.report.canvas import FONTS
from simulator.report.colours import EDGE, INK, LINE, SOFT

CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "SimHei", "WenQuanYi Zen Hei")
INSTALLED = {font.name for font in fontManager.ttflist}
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": ["DejaVu Sans", *(name for name in CHINESE if name in INSTALLED)],  # only measured: see `svg`
    "text.color": INK,
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": EDGE,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "svg.fonttype": "none",  # words stay words: any script shows, and they can be read, searched and copied
    "svg.hashsalt": "simulator",
}
PER_CENT = FuncFormatter(lambda x, _: f"{100 * x:g} %")
WIDTH = 7.6  # inches


def figure(height, rows=1, columns=1, **options):
    """Return (Figure, 2-d array of Axes) in the report's style; no window system is touched."""
    made = Figure(figsize=(WIDTH, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False, **options)


def svg(made, text):
    """Return a figure as inline SVG that scales with the page, with `text` for those who cannot see it."""
    out = io.BytesIO()
    with warnings.catch_warnings():  # a sign no font has, which the reader's may have; a name longer than the page
        warnings.filterwarnings("ignore", "Glyph .* missing|constrained_layout not applied", UserWarning)
        # Not by savefig, which draws the whole figure once more, into nothing, to lay it out.
        FigureCanvasSVG(made).print_svg(out, metadata={"Date": None, "Creator": None})
    body = out.getvalue().decode()
    body = re.sub(r"<metadata>.*?</metadata>", "", body[body.index("<svg") :], flags=re.S)
    body = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", body, count=1)
    body = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", body, count=1)
    # Of a picture in a page with others: names that nothing refers to would come twice.
    used = {*re.findall(r'(?:href="|url\()#([^")]+)', body)}
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    body = re.sub(r"font: ([^;\"]*?px) [^;\"]*", rf"font: \1 {FONTS}", body).replace("\n", " ")
    text = text.replace("&", "and").replace('"', "'").replace("<", "under ")
    return body.replace("<svg", f'<svg role="img" aria-label="{text}"', 1)


def legend(made, axis, n):
    """Put the legend below the panels, in as many columns as fit."""
    if n > 1:
        made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=n if n <= 4 else 3)
