"""What the page does where scripts run: tables sort and copy as numbers, and nothing is said in the console."""

import json
import re
import shutil
import subprocess
from html import unescape

import pytest

import simulator as sim
from conftest import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium; Debian has it as chromium")
ACTS = """
<script>
window.faults = [];
window.addEventListener("error", (event) => faults.push(event.message));
</script>
"""
ASKS = """
<pre id="told"></pre>
<script>
(async () => {
  const told = {};
  navigator.clipboard.writeText = async (text) => { told.copied = text; };
  const table = document.querySelector(".headline table");
  const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].querySelector("b").textContent);
  told.before = names();
  const heads = [...table.tHead.querySelectorAll("button")];
  heads[COLUMN].click(); told.falling = names();
  heads[COLUMN].click(); told.rising = names();
  document.querySelector(".tools button").click();
  await new Promise((done) => setTimeout(done, 50));
  told.faults = faults;
  document.getElementById("told").textContent = JSON.stringify(told);
})();
</script>
"""


@pytest.fixture(scope="module")
def study():
    """Return a small comparison of the demo's scenario."""
    small = {"run_off_months": 12, "run_on_months": 0}
    return sim.compare(
        sim.load_scenario(ROOT / "scenarios" / "huabei.toml", small, borrowers=200, replications=20, months=6),
        threads=2,
    )


@pytest.fixture(scope="module")
def told(study, tmp_path_factory):
    """Return what the page does: sorted by its second measure, then copied."""
    folder = tmp_path_factory.mktemp("page")
    page = (study.save(folder / "out") / "report.html").read_text(encoding="utf-8")
    tried = page.replace("<head>", "<head>" + ACTS).replace("</body>", ASKS.replace("COLUMN", "2") + "</body>")
    (folder / "tried.html").write_text(tried, encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'user'}"]
    command += ["--virtual-time-budget=2000", "--dump-dom", (folder / "tried.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    return json.loads(unescape(found[1]))


def test_a_table_sorts_by_its_numbers(study, told):
    """By the second measure, falling and then rising; the baseline stays last."""
    measure = "net_loss"
    names = study.comparison.frame.names
    loss = {names[name]: study.difference(name, measure).value for name in study.variants}
    rises = sorted(loss, key=loss.__getitem__)
    assert sorted(told["before"][:-1]) == sorted(loss) and told["before"] != told["rising"]
    assert told["rising"] == [*rises, "baseline"] and told["falling"] == [*rises[::-1], "baseline"]


def test_a_table_is_copied_as_numbers(study, told):
    """Tabs between cells, a row for each lender; a changed number is a number with a plain minus."""
    rows = [line.split("\t") for line in told["copied"].split("\n")]
    assert len(rows) == 2 + len(study.variants) and len({len(row) for row in rows}) == 1
    first = {row[0]: row[1] for row in rows[1:-1]}
    for name, title in study.comparison.frame.names.items():
        (lender,) = [told for told in first if told.startswith(f"{title} {name} ")]
        assert float(first[lender]) == pytest.approx(study.difference(name, "npv").value, abs=0.5)


def test_nothing_fails(told):
    """No script of the page ends with an error."""
    assert told["faults"] == []
