"""The notebook of the docs: it runs from its first cell to its last, and shows what is saved in it."""

import re

import nbformat
from nbclient import NotebookClient

from conftest import ROOT

PAGE = ROOT / "docs" / "notebook.ipynb"
LARGEST = 100_000  # bytes that a cell shows, a picture among them


def shown(notebook):
    """Return what each cell of code shows, as text and as HTML; of pictures that there is one."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type == "execute_result", output
            html = re.sub("<svg.*?</svg>", "<svg>", output.data.get("text/html", ""), flags=re.S)
            found.append((output.data["text/plain"], html))
    return found


def test_the_notebook_shows_what_is_saved_in_it(tmp_path):
    """Executed in an empty folder, every cell gives the numbers and words of the page; `make notebook` writes it."""
    saved = nbformat.read(PAGE, as_version=4)
    again = nbformat.read(PAGE, as_version=4)
    NotebookClient(again, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()

    assert shown(again) == shown(saved)
    assert len(shown(saved)) == sum(cell.cell_type == "code" for cell in saved.cells)
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_shows_itself_is_endless():
    """What a cell of the page shows has at most so many bytes, the picture with it."""
    for cell in nbformat.read(PAGE, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert len(output.data.get("text/html", "").encode()) <= LARGEST
            assert len(output.data["text/plain"].encode()) <= 2_000
