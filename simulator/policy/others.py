"""What a policy meets in its scenario: the other policies in force, and the book they all act on."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from simulator.model.layout import NEVER


class Exits(NamedTuple):
    """From when on a policy takes accounts away from the others that act on them."""

    written_off: int = NEVER  # days past due at which it writes off
    sold: int = NEVER  # days past due from which it sells open accounts
    expired: int = NEVER  # months after write-off when the claim ends


NOWHERE = Exits()


@dataclass(frozen=True)
class Others:
    """The policies that one policy meets, by name in the order of the file, and what else its settings must fit."""

    meeting: dict[str, Any]  # settings of those that act on some of its accounts in the same month
    sharing: dict[str, Any]  # ... in whatever months
    exits: Exits = NOWHERE  # from when on accounts are gone: the earliest of all it meets
    earlier: frozenset[str] = frozenset()  # names of those before it in the file
    months: int = 1  # of the run, with the run-off
    first_write_off: int | None = None  # month in which an account it acts on may first be written off; None: never
    from_tape: bool = False  # the book begins with a tape, which may have accounts written off before
    without_income: tuple[str, ...] = ()  # segments it acts on in which nobody's income is known
    fraud: bool = False  # somebody who applies for what it acts on may never pay anything
    late_stage: bool = False  # what comes of debt 90 days late follows [behaviour.late]

    def of(self, settings: type, earlier: bool = False) -> dict[str, Any]:
        """Return the policies of one kind, told by the class of its `Settings`, that it meets; or the earlier only."""
        return {
            name: other
            for name, other in self.meeting.items()
            if isinstance(other, settings) and (name in self.earlier or not earlier)
        }
