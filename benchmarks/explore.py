"""The live page: how long after a drag each picture comes, and how wide its interval is, over HTTP.

The page is served as the command serves it, a client asks for one setting after the other, no setting twice, and reads
the events as a browser does. What a browser adds, to send and to draw, is not in it.
"""

import json
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


class Shown(NamedTuple):
    """A picture: what it counts, when it came, and how wide its first interval is."""

    counted: str
    after: float  # milliseconds from the request on
    processor: float  # milliseconds of all threads' time until then
    width: float


def drags(borrowers: int = BORROWERS, tell: Callable[[str], None] = lambda name: None) -> list[list[Shown]]:
    """Return what each of DRAGS is answered with: the baseline has been lived, the setting is new."""
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


def _asked(port: int, keep: float) -> list[Shown]:
    """Return what a setting is answered with."""
    connection = HTTPConnection(LOOPBACK, port)
    start, processor = perf_counter(), process_time()
    connection.request("GET", f"/{TOKEN}/pictures?policy.cut.enabled=true&policy.cut.keep={keep:.4f}")
    answer, pictures = connection.getresponse(), []
    while line := answer.readline():
        if line.startswith(b"data:"):
            after = 1e3 * (perf_counter() - start)
            drawn = json.loads(line.removeprefix(b"data:"))
            row = drawn["rows"][0]
            worked = 1e3 * (process_time() - processor)
            pictures.append(Shown(drawn["counted"].partition(";")[0], after, worked, row["high"] - row["low"]))
    connection.close()
    return pictures
