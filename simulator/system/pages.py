"""Tables that a command writes anew into a page of the documentation, between two marks."""

from pathlib import Path


def write_block(page: Path, text: str, begin: str, end: str) -> None:
    """Put `text` between the marks `begin` and `end` of a page; ValueError if they are not there."""
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no marks {begin} and {end}")
    whole = page.with_name(f".{page.name}.new")
    whole.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
    whole.replace(page)
