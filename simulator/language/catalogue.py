"""Whole sentences in the language of who reads: English as it stands in the code, another by its catalogue.

    say("{name} rises by {share}", name="profit", share="3 %")

The English sentence is the key; zh/*.toml, a file for each room that speaks, say it in Simplified Chinese with the same
slots in whatever order that language wants. No sentence is put together from pieces of sentences. What the user wrote
(names, titles, sources) is a slot, never a key. A test holds that every sentence is in every catalogue, that nothing
else is, and that the slots agree (tests/test_language.py).
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


def say(english: str, /, **slots: Any) -> str:
    """Return the sentence in the language that is spoken, its slots filled as str.format fills them.

    A sentence that the catalogue lacks, one of a user's own policy perhaps, is said in English.
    """
    sentence = english if _spoken.get() == ENGLISH else sentences(_spoken.get()).get(english, english)
    return sentence.format(**slots) if slots else sentence


def noted(english: str, /) -> str:
    """Return a sentence as it is: a constant that is said later, by whoever reads it from where it stands."""
    return english


class Sentence(str):
    """A sentence in English that is data of a run, kept and compared as such, and knows how others say it."""

    key: str
    slots: dict[str, Any]


def kept(english: str, /, **slots: Any) -> Sentence:
    """Return the sentence in English, its slots filled, as data that `anew` says in the language of who reads.

    A slot may be such a sentence itself.
    """
    sentence = Sentence(english.format(**slots) if slots else english)
    sentence.key, sentence.slots = english, slots
    return sentence


def anew(text: str, /) -> str:
    """Return a kept sentence in the language that is spoken; any other text, a user's or of a folder, as it is."""
    if not isinstance(text, Sentence) or _spoken.get() == ENGLISH:
        return text
    return say(text.key, **{name: anew(slot) if isinstance(slot, str) else slot for name, slot in text.slots.items()})


def spoken() -> str:
    """Return the language that is spoken here, of LANGUAGES."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language of LANGUAGES inside the block. A thread or process of its own begins in English."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


@cache
def sentences(language: str) -> dict[str, str]:
    """Return {English: sentence} of a language other than English, of all the files of its catalogue."""
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / language).glob("*.toml")):
        found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found
