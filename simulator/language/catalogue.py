"""Whole sentences in the language of who reads: English as it stands in the code, another by its catalogue.

    say("{name} rises by {share}", name="profit", share="3 %")

The English sentence is the key; zh/*.toml, a file for each room that speaks, say it in Simplified Chinese with the same
slots in whatever order that language wants. No sentence is put together from pieces of sentences. What the user wrote
(names, titles, sources) is a slot, never a key. A test holds that every sentence is in every catalogue, that nothing
else is, and that the slots agree (tests/test_language.py).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = (ENGLISH, CHINESE)
BOTH = "both"  # of a page that holds every language, and a switch
MEANING = "|"  # before what a word of several meanings is about: say("months|of a window")
QUOTES = "“”"  # of a name in a sentence, which Han touches without a space
NAME = "“[^“”]*”"  # a title in a sentence, whatever words are in it
FEWEST_WORDS = 2  # of its own, by which a sentence with slots is known again
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


def say(english: str, /, **slots: Any) -> str:
    """Return the sentence in the language that is spoken, its slots filled as str.format fills them.

    A sentence that the catalogue lacks, one of a user's own policy perhaps, is said in English.
    """
    if _spoken.get() == ENGLISH:
        english = english.partition(MEANING)[0]
        return english.format(**slots) if slots else english
    sentence = sentences(_spoken.get()).get(english) or english.partition(MEANING)[0]
    return spaced(sentence, slots) if slots else sentence


def spaced(sentence: str, slots: Mapping[str, Any]) -> str:
    """Return a sentence with its slots filled: where Han and Latin meet at one a space stands, between Han none.

    So a sentence reads well whether a name in it is Chinese or English.
    """
    made = ""
    for words, name, form, conversion in Formatter().parse(sentence):
        made = _meet(made, words)
        if name is not None:
            slot = Formatter().convert_field(slots[name], conversion)
            made = _meet(made, slot if isinstance(slot, str) else format(slot, form or ""))
    return made


def _meet(before: str, after: str) -> str:
    """Return two pieces of a sentence together."""
    left, right = before.rstrip(" "), after.lstrip(" ")
    if not left or not right:
        return before + after
    if left[-1] == right[0] and right[0] in QUOTES:  # the name has them, and the sentence too
        return left + right[1:]
    if all(_is_han(sign) or sign in QUOTES for sign in (left[-1], right[0])):
        return left + right
    if (_is_han(left[-1]) and _is_latin(right[0])) or (_is_latin(left[-1]) and _is_han(right[0])):
        return f"{left} {right}"
    return before + after


def _is_han(sign: str) -> bool:
    return "\u3400" <= sign <= "\u9fff" or "\U00020000" <= sign <= "\U0003ffff"


def _is_latin(sign: str) -> bool:
    return (sign.isascii() and sign.isalnum()) or sign in "+\u2212\u00b1~%"


def retold(sentence: str) -> str:
    """Return a sentence that was kept in English, as a file keeps it, in the language that is spoken here.

    Its slots are found by the words around them. What the catalogue does not know, as what a user wrote, stays.
    """
    language = spoken()
    if language == ENGLISH or isinstance(sentence, Sentence):
        return anew(sentence)
    return _retold(sentence, language)


@cache
def _retold(sentence: str, language: str) -> str:
    known = sentences(language)
    if sentence in known:
        return known[sentence]
    for pattern, key in _patterns(language):
        if found := pattern.fullmatch(sentence):
            return spaced(known[key], {name: _within(said, language) for name, said in found.groupdict().items()})
    return sentence


def _within(said: str, language: str) -> str:
    """Return what fills a slot: a sentence is told again, a name stays."""
    return said if " " not in said or re.fullmatch(NAME, said) else _retold(said, language)


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return (pattern, sentence) of the sentences with slots, those with most words of their own first."""
    found = []
    for key in sentences(language):
        parts = [(words, name) for words, name, *_ in Formatter().parse(key)]
        names = [name for _, name in parts if name is not None]
        own = sum(len(re.findall(r"[A-Za-z]{2,}", words)) for words, _ in parts)
        if names and own >= FEWEST_WORDS:
            seen: set[str] = set()
            made = ""
            for words, name in parts:
                made += re.escape(words)
                if name is not None:
                    made += f"(?P={name})" if name in seen else f"(?P<{name}>{NAME}|.+?)"
                    seen.add(name)
            found.append((own, re.compile(made, re.DOTALL), key))
    return [(pattern, key) for _, pattern, key in sorted(found, key=lambda one: -one[0])]


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


def as_data(text: str, /) -> str | dict[str, Any]:
    """Return a text as a file keeps it: a kept sentence with what it is made of, any other as it is."""
    if not isinstance(text, Sentence):
        return text
    slots = {name: as_data(slot) if isinstance(slot, str) else slot for name, slot in text.slots.items()}
    return {"sentence": text.key, "slots": slots}


def of_data(told: str | dict[str, Any], /) -> str:
    """Return the text that `as_data` kept."""
    if isinstance(told, str):
        return told
    slots = {name: of_data(slot) if isinstance(slot, dict) else slot for name, slot in told["slots"].items()}
    return kept(told["sentence"], **slots)


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
