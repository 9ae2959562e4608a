"""Pictures of a report for docs/images: wide, narrow, light, dark, printed, in both languages, without a CJK font.

Two runs of the demo's scenario are lived, under doubt in English, without in Chinese and with Chinese titles; one whose
folder is there is used again. Chromium draws them, poppler's pdftoppm the printed page, fontconfig says which fonts are
Chinese.
"""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

import simulator as sim

from .digests import ROOT, of_the_tests

COLOURS = 256  # of a picture, by octree: the palette of a page stays, the grey edges of letters are few
SIZES = {"1400": (1400, 1500), "390": (390, 1700)}  # pixels that are shown, from the top of the page
FIGURES = (1400, 1700)  # from the first figure on
DPI = 100  # of a printed page
BORROWERS, DOUBT, REPLICATIONS = 2000, 50, 40
CHINESE = {
    "title": "循环额度：提前冻结、关户、降额、转让不良，还是委外催收",
    "variant.freeze_at_7.title": "逾期 7 天冻结",
    "variant.freeze_and_close.title": "逾期 7 天冻结、30 天关户",
    "variant.cut_at_30.title": "逾期 30 天额度减半",
    "variant.sell_at_12_months.title": "核销满 12 个月后转让",
    "variant.agency_from_90.title": "逾期 90 天起委外催收",
}


class Shot(NamedTuple):
    """A picture: its name, of which run, and how it is taken."""

    name: str
    run: str  # "en" or "zh"
    size: str = "1400"
    is_dark: bool = False
    has_chinese: bool = True  # fonts


SHOTS = (
    Shot("report", "en"),
    Shot("report-dark", "en", is_dark=True),
    Shot("report-390", "en", "390"),
    Shot("report-390-dark", "en", "390", is_dark=True),
    Shot("report-zh", "zh"),
    Shot("report-zh-dark", "zh", is_dark=True),
    Shot("report-zh-390", "zh", "390"),
    Shot("report-zh-390-dark", "zh", "390", is_dark=True),
    Shot("report-zh-no-font", "zh", has_chinese=False),
    Shot("report-zh-390-no-font", "zh", "390", has_chinese=False),
)


def take(folder: Path, runs: Path, progress=lambda name: None) -> Iterator[tuple[str, int]]:
    """Write the pictures into `folder`, and yield (name, bytes) of each; the runs lie in `runs`."""
    pages = {language: _run(runs / language, language, progress) for language in ("en", "zh")}
    for shot in SHOTS:
        with _fonts(shot.has_chinese), _browser() as browser:
            browser.size(*SIZES[shot.size])
            if shot.is_dark:
                browser.dark()
            browser.open(pages[shot.run].as_uri())
            yield _write(folder / f"{shot.name}.png", _seen(browser))
    with _browser() as browser:
        browser.size(*FIGURES)
        browser.open(pages["en"].as_uri())
        browser.run("document.querySelector('figure').previousElementSibling.scrollIntoView()")
        yield _write(folder / "report-figures.png", _seen(browser))
        for language, page in pages.items():
            browser.open(page.as_uri())
            printed = browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
            name = "report-print" if language == "en" else f"report-{language}-print"
            yield _write(folder / f"{name}.png", _first_page(base64.b64decode(printed)))


def _run(folder: Path, language: str, progress) -> Path:
    """Return the report of a run, lived now if its folder is not there, made again as the page is now."""
    if not (folder / "report.html").exists():
        progress(f"living {folder}")
        over = CHINESE if language == "zh" else {}
        how = {"replications": REPLICATIONS} if language == "zh" else {}
        asked = sim.load_scenario(ROOT / "scenarios" / "huabei.toml", over, borrowers=BORROWERS, **how)
        sim.compare(asked, doubt=None if language == "zh" else DOUBT).save(folder, language=language)
    page = folder.with_name(f"{language}.html")
    page.write_text(sim.report_of(folder, language=language).report, encoding="utf-8")
    return page.resolve()


def _browser():
    """Return a browser, as the tests have it."""
    return of_the_tests("chromium").Chromium()


def _seen(browser) -> bytes:
    """Return what the window shows, as PNG."""
    return base64.b64decode(browser.call("Page.captureScreenshot")["data"])


def _first_page(pdf: bytes) -> bytes:
    """Return the first page of a PDF as PNG."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "page.pdf").write_bytes(pdf)
        command = ["pdftoppm", "-r", str(DPI), "-f", "1", "-singlefile", "-png", "page.pdf", "page"]
        subprocess.run(command, cwd=folder, check=True)
        return (Path(folder) / "page.png").read_bytes()


def _write(path: Path, png: bytes) -> tuple[str, int]:
    """Write a picture in few colours; return its name and size."""
    shown = (
        Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    )
    shown.save(path, optimize=True)
    return path.name, path.stat().st_size


@contextmanager
def _fonts(has_chinese: bool):
    """Have programs started in the block find no font with Chinese, unless they may."""
    if has_chinese:
        yield
        return
    listed = subprocess.run(["fc-list", ":lang=zh", "file"], capture_output=True, text=True, check=True).stdout
    files = "".join(f"<glob>{line.rpartition(':')[0]}</glob>" for line in sorted(listed.splitlines()))
    folder = Path(tempfile.mkdtemp(prefix="fonts-"))
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
        f"<selectfont><rejectfont>{files}</rejectfont></selectfont><cachedir>{folder}</cachedir></fontconfig>",
        encoding="utf-8",
    )
    before = os.environ.get("FONTCONFIG_FILE")
    os.environ["FONTCONFIG_FILE"] = str(folder / "fonts.conf")
    try:
        yield
    finally:
        os.environ.pop("FONTCONFIG_FILE")
        if before is not None:
            os.environ["FONTCONFIG_FILE"] = before
        shutil.rmtree(folder, ignore_errors=True)
