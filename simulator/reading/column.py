"""One column of some rows: as text, each distinct one once; as numbers; and where nothing stands."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from simulator.reading.numbers import parsed

_NOTHING = ("", "nan", "na", "n/a", "#n/a", "null", "none", "(null)", r"\n", "<na>", "-", ".")
_WHOLE = r"^([+-]?[0-9]+)\.0*$"


class Column:
    """The values of one column, of any simple type, worked out as they are asked for."""

    def __init__(self, values):
        """Take an Arrow array, or several chunks of one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        self.is_number = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
        if pa.types.is_floating(values.type):
            values = pc.if_else(pc.is_nan(values), None, values)
        self.values = values

    @classmethod
    def constant(cls, text: str, rows: int) -> "Column":
        """Return a column of one text."""
        import pyarrow as pa

        return cls(pa.repeat(pa.scalar(text), rows))

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def _encoded(self):
        """The column as an Arrow dictionary: a whole number has no decimals, null is blank."""
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = pc.fill_null(self.values.cast(pa.string()), "").dictionary_encode()
        words = pc.replace_substring_regex(pc.utf8_trim_whitespace(encoded.dictionary), _WHOLE, r"\1")
        again = words.dictionary_encode()  # "1" and "1.0" are one
        if len(again.dictionary) < len(words):
            row = again.indices.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy(zero_copy_only=False)]
            return again.dictionary, row
        return words, encoded.indices.to_numpy(zero_copy_only=False)

    @cached_property
    def _plain(self):
        """The column as an Arrow array of float64, null where it is blank; None where other text stands."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.is_number:
            return self.values.cast(pa.float64())
        if not pa.types.is_string(self.values.type):
            return None
        try:
            values = pc.if_else(pc.equal(self.values, ""), None, self.values).cast(pa.float64())
        except pa.ArrowInvalid:
            return None
        return (
            values if pc.all(pc.is_finite(values)).as_py() is not False else None
        )  # "nan" and "inf" are numbers to it

    @cached_property
    def text(self) -> list[str]:
        """Each distinct text once."""
        return self._encoded[0].to_pylist()

    @property
    def words(self):
        """The same as an Arrow array."""
        return self._encoded[0]

    @property
    def row(self) -> np.ndarray:
        """int32[row]: which text stands in each row."""
        return self._encoded[1]

    @cached_property
    def blank(self) -> np.ndarray:
        """bool[row]: nothing stands there."""
        import pyarrow.compute as pc

        return pc.equal(self.words, "").to_numpy(zero_copy_only=False)[self.row]

    @cached_property
    def missing(self) -> np.ndarray:
        """bool[row]: nothing, or a word for nothing such as NA: no number and no date."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._plain is not None:
            return self._plain.is_null().to_numpy(zero_copy_only=False)
        nothing = pc.is_in(pc.utf8_lower(self.words), value_set=pa.array(_NOTHING))
        return nothing.to_numpy(zero_copy_only=False)[self.row]

    def fits(self, pattern: str) -> np.ndarray:
        """Return bool[row]: whether the text matches a regular expression."""
        import pyarrow.compute as pc

        return pc.match_substring_regex(self.words, pattern).to_numpy(zero_copy_only=False)[self.row]

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return self.words[int(self.row[row])].as_py()

    def numbers(self, decimal: str = ".", unit: str = "") -> tuple[np.ndarray, np.ndarray]:
        """Return float64[row], 0 where there is none, and bool[row]: whether something else than a number stands.

        `decimal` and `unit` are as `numbers.parsed` takes them.
        """
        if self._plain is not None and (self.is_number or decimal == "."):
            values = self._plain.fill_null(0).to_numpy(zero_copy_only=False)
            wrong = ~np.isfinite(values)
            return np.where(wrong, 0.0, values), wrong
        values, good = parsed(self.words, decimal, unit)
        return values[self.row], ~good[self.row] & ~self.missing


def joined(columns: Sequence[Column], kept: Sequence[np.ndarray]) -> Column:
    """Return the rows of several columns, one after the other, that are `kept`: bool[row] of each."""
    import pyarrow as pa

    pairs = zip(columns, kept, strict=True)
    return Column(pa.chunked_array([column.values.filter(pa.array(rows)) for column, rows in pairs]))


def is_nothing(word: str) -> bool:
    """Return whether `word` stands for no value where a number is wanted; as a code it may be a name like any other."""
    return word.lower() in _NOTHING
