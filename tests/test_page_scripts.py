"""What the page's scripts make of a cell: a number that a spreadsheet takes."""

import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

PAGE = (ROOT / "simulator" / "report" / "page.js").read_text(encoding="utf-8")
CELLS = {
    "CNY 61,309": 61309,
    "\u2212CNY 5,776": -5776,
    "+CNY\u00a07,034": 7034,
    "\u22121.2 万元": -12000,
    "27.883\u00a0million": 27883000,
    "CNY\u00a027.883\u00a0million": 27883000,
    "\u22120.121\u00a0pp": -0.121,
    "+0.101 个百分点": 0.101,
    "1.471 %": 1.471,
    "263,608": 263608,
    "100 USD": 100,
    "exactly equal": None,
    "A": None,
    "30 days": None,
    "2 to 3": None,
}


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_a_cell_is_copied_as_a_number():
    """Sign, currency, size and unit are read; what is no number stays words."""
    amount = re.search(r"const SIZES.*?\n  };\n", PAGE, re.DOTALL)[0]
    told = subprocess.run(
        ["node", "-e", f"{amount}\nconsole.log(JSON.stringify({json.dumps([*CELLS])}.map(amount)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == list(CELLS.values())
