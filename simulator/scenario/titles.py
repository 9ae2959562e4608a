"""What variants are called where they are shown: by their titles, and by their keys too where two look the same."""

import unicodedata
from collections import Counter
from collections.abc import Mapping

TAKEN = ("baseline", "基准")  # what the baseline is called, in each language


def untitled(key: str) -> str:
    """Return the title of a variant or world that was given none."""
    return key.replace("_", " ")


def shown_names(titles: Mapping[str, str]) -> dict[str, str]:
    """Return by key what each variant is called, all different, of their titles by key.

    That is its title, or its key if it has no title of its own; both where a reader would take it for another variant
    or for the baseline.
    """
    titles = {key: title.strip() or untitled(key) for key, title in titles.items()}
    names = {key: key if title == untitled(key) else title for key, title in titles.items()}
    while doubtful := {key for key in _alike(names) if names[key] not in (key, _with_key(titles[key], key))}:
        names |= {key: _with_key(titles[key], key) for key in doubtful}
    return names


def quoted(name: str, key: str) -> str:
    """Return a name as it stands in a sentence: in quotation marks, since a title may hold commas; a key as it is."""
    return name if name == key else f"“{name}”"


def _with_key(title: str, key: str) -> str:
    return f"{title} ({key})"


def _alike(names: Mapping[str, str]) -> list[str]:
    """Return the keys of names that look like another one."""
    times = Counter(map(_look, (*names.values(), *TAKEN)))
    return [key for key, name in names.items() if times[_look(name)] > 1]


def _look(name: str) -> str:
    """Return what is the same for names between which no reader sees a difference."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(sign for sign in folded if unicodedata.category(sign) != "Cf").split())
