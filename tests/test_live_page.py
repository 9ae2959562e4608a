"""The live page in a browser: real drags and keys, every figure, nothing stale, and who cannot see or use a mouse."""

import json
from random import Random
from urllib.parse import urlencode

import pytest

from chromium import Chromium, browser
from conftest import ROOT
from pages import ENDS, address, served
from simulator.scenario.reader import load_scenario
from simulator.study import compare

pytestmark = pytest.mark.skipif(browser() is None, reason="no Chromium on this machine: Debian's package is chromium")

SETTLED = "document.querySelector('.stage').dataset.settled === 'true'"
ANSWERED = "document.querySelector('.stage').getAttribute('aria-busy') === 'false'"
SHOWN = "document.querySelector('.stage').dataset.question"
KEEP = "input[data-key='policy.cut.keep']"
DRAGS = 250
AXE = (ROOT / "tests/axe/axe.min.js").read_text(encoding="utf-8")
HOSTILE = "\"><script>window.hit=1</script>'\u05d0\u05d1</title><img src=x onerror=window.hit=1>&amp;"
# Notes every picture that is not of where the sliders are.
WATCH = """
window.stale = []; window.drawn = 0;
new MutationObserver(() => {
  const shown = new URLSearchParams(document.querySelector(".stage").dataset.question);
  window.drawn += 1;
  for (const slider of document.querySelectorAll("input[type=range]")) {
    const stop = (place) => JSON.parse(slider.dataset.stops)[place][0], own = stop(slider.value);
    const expected = own === stop(slider.dataset.home) ? null : own;
    if (shown.get(slider.dataset.key) !== expected) window.stale.push([shown.toString(), slider.dataset.key, own]);
  }
}).observe(document.querySelector(".stage"), { attributes: true, attributeFilter: ["data-question"] });
"""
ASKED = "document.querySelector('.stage').dataset.asked"


@pytest.fixture(scope="module")
def port():
    """Give the port of the page of a small book."""
    with served(load_scenario("huabei", borrowers=300, months=6)) as port:
        yield port


@pytest.fixture(scope="module")
def chromium():
    """Give a browser."""
    with Chromium() as opened:
        yield opened


@pytest.fixture
def page(chromium, port):
    """Give the browser with the page open as nothing is moved, and its first question answered."""
    chromium.events.clear()
    chromium.size(1400, 900)
    chromium.open(address(port))
    chromium.until(SETTLED)
    yield chromium
    assert chromium.complaints() == []


def middle(page, selector, share=0.5):
    """Return a place on a slider, `share` of the way from its left end to its right, in sight."""
    script = f"""(() => {{
      const it = document.querySelector({json.dumps(selector)});
      for (let one = it.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
      it.scrollIntoView({{block: "center"}});
      const box = it.getBoundingClientRect();
      return [box.left + 9 + (box.width - 18) * {share}, box.top + box.height / 2];
    }})()"""
    return page.run(script)


def thumb(page, selector):
    """Return how far along its track a slider's thumb is."""
    it = f"document.querySelector({json.dumps(selector)})"
    return page.run(f"{it}.value / {it}.max")


def drag(page, selector, to):
    """Drag a slider's thumb to another share of its track, as a hand does."""
    x, y = middle(page, selector, thumb(page, selector))
    end, _ = middle(page, selector, to)
    page.mouse("Moved", x, y)
    page.mouse("Pressed", x, y)
    for k in range(1, 5):
        page.mouse("Moved", x + (end - x) * k / 4, y)
    page.mouse("Released", end, y)


def told(page):
    """Return what the page tells: verdict, and all cells of the table of changes."""
    cells = "[...document.querySelectorAll('#changes tbody tr')].map((row) => row.innerText)"
    return page.run(f"[document.querySelector('#verdict').textContent, ...{cells}]")


def test_the_page_draws_every_figure(page, port):
    """Both lenders' paths with their bands, the bars of every cause, a row for each measure; nothing from elsewhere."""
    drawn = page.run(
        """({lines: [...document.querySelectorAll("#path polyline")].map((one) => one.points.length),
             bands: [...document.querySelectorAll("#path polygon")].map((one) => one.points.length),
             bars: document.querySelectorAll("#causes rect").length,
             rows: document.querySelectorAll("#changes tbody tr").length,
             told: [...document.querySelectorAll("svg[role=img]")].every((one) => one.getAttribute("aria-label"))})"""
    )
    home = address(port)

    assert drawn["lines"] == [6, 6] and drawn["bands"] == [12, 12]
    assert drawn["bars"] >= 6 and drawn["rows"] == 5 and drawn["told"]
    assert all(asked.startswith((home, "data:")) for asked in page.requests())


def test_a_real_drag_changes_the_picture(page):
    """The answer, the address and the switch of the policy follow the thumb; the interval shrinks in view."""
    before = told(page)
    drag(page, KEEP, 0.2)
    page.until(f"{ANSWERED} && {SETTLED} && {SHOWN} === location.search.slice(1)")

    assert page.run(SHOWN) == page.run("location.search.slice(1)") == "policy.cut.enabled=true&policy.cut.keep=0.2"
    assert page.run("document.querySelector(\"input[data-key='policy.cut.enabled']\").checked")
    bars = "[...document.querySelectorAll('#changes rect')].map((one) => parseFloat(one.getAttribute('width')))"
    assert all(1 < width < 100 for width in page.run(bars))
    assert told(page) != before and "move a slider" not in told(page)[0]
    assert page.run("document.querySelector('#status').textContent") == told(page)[0]


def test_hundreds_of_drags_end_at_the_last_value(page, port):
    """However fast sliders are dragged, no picture of an older setting is shown and the last one's is."""
    sliders = [f"input[data-key='policy.{key}']" for key in ("cut.keep", "close.freeze_days_late", "remind.reach")]
    page.run(WATCH)
    random = Random(1)
    places = {}
    for k in range(DRAGS):
        if k % 50 == 0:  # another slider, in sight; in between as fast as the browser takes them
            slider = sliders[k // 50 % len(sliders)]
            places = [middle(page, slider, at) for at in (0, 1)]
        (left, y), (right, _) = places
        x = left + random.random() * (right - left)
        page.post("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1, buttons=1)
        x = left + random.random() * (right - left)
        page.post("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        page.post("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)
    page.until(f"{ANSWERED} && {SETTLED} && {SHOWN} === location.search.slice(1) && {SHOWN} === {ASKED}")
    shown, asked = told(page), page.run("location.search.slice(1)")

    assert page.run("window.stale") == [] and page.run("window.drawn") > 3
    assert all(page.run(f"document.querySelector({json.dumps(slider)}).value") is not None for slider in sliders)
    page.open(address(port, asked))
    page.until(SETTLED)
    assert told(page) == shown


def test_keys_move_a_slider_and_the_address_holds_the_question(page, port):
    """One step for an arrow; a page that is opened at that address has everything where it was."""
    middle(page, KEEP)
    page.run(f'document.querySelector("{KEEP}").focus()')
    page.key("ArrowLeft", 37)
    page.key("ArrowLeft", 37)
    page.until(f"{ANSWERED} && {SETTLED} && {SHOWN} === location.search.slice(1)")
    asked, shown = page.run("location.search.slice(1)"), told(page)
    assert asked == "policy.cut.enabled=true&policy.cut.keep=0.48"

    page.open(address(port, asked))
    page.until(SETTLED)
    assert page.run(f'document.querySelector("{KEEP}").getAttribute("aria-valuetext")') == "48\u00a0%"
    assert told(page) == shown


def test_a_list_that_has_to_fall_stays_so(page):
    """A member that is moved takes the others along, and one moved back does not; the answer is of all of them."""
    at = "[...document.querySelectorAll(\"input[data-key^='policy.rating.months.']\")].map((one) => Number(one.value))"
    last = "input[data-key='policy.rating.months.2']"
    before = page.run(at)
    drag(page, last, 0.5)
    page.until(f"{ANSWERED} && {SETTLED} && {SHOWN} === {ASKED}")
    after = page.run(at)

    assert before == [6, 3, 1]
    assert after[0] == after[1] == after[2] > before[0]
    assert "cannot be lived" not in told(page)[0]


def test_every_control_has_a_name_and_a_place_in_the_order_of_tabs(page):
    """Whoever cannot use a mouse reaches every control, and hears what it is."""
    nameless = page.run(
        """[...document.querySelectorAll("input, select, button")].filter((one) =>
             one.tabIndex < 0 || !(one.labels?.length || one.textContent.trim() || one.ariaLabel)).length"""
    )

    assert nameless == 0


def serious(page):
    """Return what axe-core finds of the page that is open, as far as it is serious."""
    page.run(AXE)
    found = page.run("axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)")
    kept = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:5]) for one in kept]


@pytest.mark.parametrize(("width", "language", "dark"), [(1400, "en", False), (390, "zh", True)])
def test_axe_finds_no_serious_fault(page, port, width, language, dark):
    """Contrast, names, roles, order: in both languages, wide and narrow, light and dark."""
    page.size(width, 900)
    page.dark(dark)
    page.open(address(port, f"policy.cut.enabled=true&language={language}"))
    page.until(SETTLED)
    try:
        assert serious(page) == []
    finally:
        page.dark(False)


def test_axe_finds_no_serious_fault_in_a_report(chromium, tmp_path):
    """Nor in the page that a comparison writes."""
    study = compare(load_scenario("huabei", ENDS, borrowers=100, months=3, replications=2).choose(["cut_at_30"]))
    chromium.events.clear()
    chromium.open((study.save(tmp_path / "run") / "report.html").as_uri())

    for width in (1400, 390):
        chromium.size(width, 900)
        assert serious(chromium) == []
    assert chromium.complaints() == []


def test_hostile_words_are_words(chromium, tmp_path):
    """Titles and names with markup, quotes and marks of writing direction are shown and do nothing."""
    quoted = json.dumps(HOSTILE)
    text = f"""extends = "huabei"\ntitle = {quoted}\nmonths = 3\n
[variant.mine]\ntitle = {quoted}\npolicy.cut.enabled = true\n
[world.other]\ntitle = {quoted}\neconomy.unemployment = 0.06\n"""
    path = tmp_path / "hostile.toml"
    path.write_text(text, encoding="utf-8")
    said = urlencode({"from": "mine", "world": "other"})
    with served(load_scenario(path, borrowers=100)) as port:
        chromium.events.clear()
        chromium.open(address(port, said))
        chromium.until(SETTLED)

        assert chromium.run("window.hit") is None
        assert chromium.run("document.querySelectorAll('script, img').length") == 2
        assert chromium.run("document.querySelector('.title').textContent") == HOSTILE
        assert chromium.run("document.querySelector('#from').selectedOptions[0].textContent") == HOSTILE.strip()
        assert chromium.complaints() == []


def test_no_band_is_cut_off(chromium):
    """The scale of the months reaches above the top of both bands, however few people there are."""
    scenario = load_scenario("huabei", borrowers=40, months=3)
    with served(scenario) as port:
        chromium.open(address(port))
        chromium.until(SETTLED)
        top = "({ points }) => Math.min(...[...points].map((point) => point.y))"
        tops = chromium.run(f"[...document.querySelectorAll('#path polygon')].map({top})")

    assert len(tops) == 2 and min(tops) > 12
