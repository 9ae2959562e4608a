"""The live page of a scenario, served in this process."""

from contextlib import contextmanager
from threading import Thread

import uvicorn

from simulator.explore.desk import Desk
from simulator.explore.question import Explored
from simulator.explore.server import application, listen

TOKEN = "a-token"
ENDS = {"run_off_months": 6, "run_on_months": 6}  # both futures, without their long tails


@contextmanager
def served(scenario, threads=2):
    """Serve a scenario's page; give the port."""
    opened = listen()
    port = opened.getsockname()[1]
    desk = Desk(Explored(scenario), threads)
    config = uvicorn.Config(application(desk, TOKEN, port, "en"), log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        desk.close()
        server.should_exit = server.force_exit = True
        thread.join(10)


def address(port, said=""):
    """Return the address of a question's page."""
    return f"http://127.0.0.1:{port}/{TOKEN}/{f'?{said}' if said else ''}"
