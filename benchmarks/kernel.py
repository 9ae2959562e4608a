"""The kernel's cases: products, threads, number of policies, and the scalar kernel that does the same work one by one.

A borrower-month is a borrower with an open line at the start of a month, or granted one in it, counted from the flows:
work on written-off accounts is in the time but not in the count. A book is drawn once and lived several times, as in
any run with replications. Compiling and reading scenarios stay outside.
"""

from functools import partial

from simulator.engine import engine
from simulator.model.layout import F_N_ACCOUNTS, F_N_GRANTED, LINE, N_ACCOUNT, N_BORROWER, N_FLOWS

from .timing import Case, Work
from .worlds import PLAIN_LINE, lenders, shipped

BORROWERS, REPLICATIONS = 40_000, 4
LARGER = 4  # times as many borrowers where threads are compared: starting them and their sums takes 2 ms, not 2 of 45
BLOCK = 4  # words of a Philox block: one for everyone, others for the few
BOOKS = {  # case: (words, scenario, products held)
    "line": ("line", "huabei", 1),
    "line_and_loan": ("line and loan", "base/consumer", 2),
    "roll_rates": ("roll_rates", "taiwan_cards", 1),
}


def on_book(sums) -> int:
    """Return the borrowers with an open line at the start of a month, or granted one in it, over all months."""
    line = sums.flows[:, :, :, :, LINE]
    return int(line[:, :, :-1, :, F_N_ACCOUNTS].sum() + line[:, :, 1:, :, F_N_GRANTED].sum())


def work(products: int = 1, threads: int = 1) -> Work:
    """Return what the kernel does for a borrower in a month."""
    return Work(threads, BLOCK, N_FLOWS * products, N_BORROWER + N_ACCOUNT * products)


def case(name: str, words: str, world, products: int = 1, threads: int = 1, fast: bool = True) -> Case:
    """Return the case of a lowered world, compiled and counted."""
    run = partial(engine.run, world, threads, fast=fast)
    return Case(name, words, run, on_book(engine.run(world)), work(products, threads))


def cases(threads: int, full: bool = False) -> list[Case]:
    """Return the kernel's cases: tile kernel, on two threads where there are two, scalar kernel; some and all policies.

    The plain line is what the peers live.
    The scalar kernel lives the other books than the line only when `full`.
    """
    found = []
    for name, (words, scenario, products) in BOOKS.items():
        world = shipped(scenario, BORROWERS, REPLICATIONS)
        found.append(case(name, words, world, products))
        if threads > 1:
            larger = shipped(scenario, LARGER * BORROWERS, REPLICATIONS)
            found.append(case(f"{name}_larger", f"{words}, four times the borrowers", larger, products))
            found.append(case(f"{name}_two_cores", f"{words}, the same, 2 threads", larger, products, 2))
        if full or name == "line":
            slow = "scalar_twin" if name == "line" else f"{name}_scalar"
            found.append(case(slow, f"{words}, scalar kernel", world, products, fast=False))
    found.append(case("plain_line", "plain line", shipped(PLAIN_LINE, BORROWERS, REPLICATIONS)))
    counts = {"no": "no policy but write-off", "some": "five policies", "all": "all kinds of policies"}
    for amount, world in lenders(BORROWERS, REPLICATIONS).items():
        found.append(case(f"{amount}_policies", f"line, {counts[amount]}", world))
    return found
