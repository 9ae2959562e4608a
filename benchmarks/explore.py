"""The live page: how long after a drag the first picture with an interval comes, and 16 replications, over HTTP.

The page is served as the command serves it, a client asks for one setting after the other, no setting twice, and reads
the events as a browser does. What a browser adds, to send and to draw, is not in it.
"""

import os
from collections.abc import Callable
from http.client import HTTPConnection
from itertools import count
from threading import Thread
from time import perf_counter, process_time
from typing import NamedTuple

import uvicorn

from simulator.explore.desk import Desk
from simulator.explore.question import Explored
from simulator.explore.server import LOOPBACK, application, listen
from simulator.scenario.reader import load_scenario

from .worlds import SCENARIOS

BORROWERS, MONTHS = 100_000, 36
DRAGS = 7  # of which the best and the median count
TOKEN = "benchmark"
STEP = 1e-4  # of the share of the limit kept, from drag to drag


class Took(NamedTuple):
    """Milliseconds from the request on, and of processor time until the last picture."""

    first: float  # the first picture, which has an interval
    replications: float  # the first of 16 replications, of whatever part of the book
    last: float  # the whole book
    processor: float


def drags(borrowers: int = BORROWERS, tell: Callable[[str], None] = lambda name: None) -> list[Took]:
    """Return what each of DRAGS took: the baseline has been lived, the setting is new."""
    explored = Explored(load_scenario(SCENARIOS / "huabei.toml", borrowers=borrowers, months=MONTHS))
    opened = listen()
    port = opened.getsockname()[1]
    desk = Desk(explored)
    app = application(desk, TOKEN, port, "en")
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    places = (0.4 + k * STEP for k in count())
    try:
        tell("the baseline")
        _asked(port, next(places))
        found = []
        for k in range(DRAGS):
            tell(f"drag {k + 1}")
            found.append(_asked(port, next(places)))
        return found
    finally:
        desk.close()
        server.should_exit = True
        thread.join()


def load() -> str:
    """Return how busy the machine was in the last minute, and its processors."""
    return f"load {os.getloadavg()[0]:.1f} of {os.cpu_count()} processors"


def _asked(port: int, keep: float) -> Took:
    """Return what a setting takes."""
    connection = HTTPConnection(LOOPBACK, port)
    start, processor = perf_counter(), process_time()
    connection.request("GET", f"/{TOKEN}/pictures?policy.cut.enabled=true&policy.cut.keep={keep:.4f}")
    answer, pictures, of_all = connection.getresponse(), [], 0.0
    while line := answer.readline():
        if line.startswith(b"data:"):
            pictures.append(1e3 * (perf_counter() - start))
            if b'"counted": "16 of' in line and not of_all:
                of_all = pictures[-1]
    connection.close()
    return Took(pictures[0], of_all, pictures[-1], 1e3 * (process_time() - processor))
