"""The page and what it asks for, on loopback alone."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from simulator.explore.desk import Desk, Found
from simulator.explore.guard import Guard
from simulator.explore.page import page
from simulator.explore.picture import picture, refusal
from simulator.explore.question import LANGUAGE, Explored, Question
from simulator.explore.saved import Report, save
from simulator.explore.words import retold_error
from simulator.language.catalogue import LANGUAGES, speaking
from simulator.model.errors import Problem, UserError

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"
LAST = 3.0  # seconds for pages that are still open, when the process ends
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
TOKEN_BYTES = 18
# A report has its script and style inside: it runs as a page of nobody's, and can ask for nothing.
OF_A_REPORT = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
)


def application(desk: Desk, token: str, port: int, language: str) -> Guard:
    """Return the application that serves a desk's scenario at a port; its pages speak `language` unless asked."""
    explored = desk.explored
    reports: dict[str, Report] = {}

    def asked(request: Request) -> tuple[Question, str]:
        """Return the question of an address, and the language."""
        said = request.query_params.get(LANGUAGE, language)
        if said not in LANGUAGES:
            raise UserError(Problem(LANGUAGE, said, "not spoken here", f"allowed: {', '.join(LANGUAGES)}"))
        return explored.question(request.query_params.multi_items()), said

    async def home(request: Request) -> Response:
        question, spoken = asked(request)
        with speaking(spoken):
            return HTMLResponse(page(explored, question))

    async def pictures(request: Request) -> Response:
        question, spoken = asked(request)
        stream = _events(desk, question, spoken)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        return Response((HERE / name).read_bytes(), media_type=FILES[name]) if name in FILES else _missing()

    async def save_it(request: Request) -> Response:
        question, spoken = asked(request)
        with speaking(spoken):
            saved = await run_in_threadpool(save, explored, question, Path())
            return JSONResponse({"path": str(saved.path), "text": saved.text})

    async def make_report(request: Request) -> Response:
        question, spoken = asked(request)
        with speaking(spoken):
            saved = await run_in_threadpool(save, explored, question, Path())
        report = Report(saved, explored.scenario.has_code, desk.threads, spoken)
        reports[saved.path.stem] = report
        report.start()
        return JSONResponse({"name": saved.path.stem, "path": str(saved.path)})

    async def report_state(request: Request) -> Response:
        report = reports.get(request.path_params["name"])
        if report is None:
            return _missing()
        folder = str(report.folder) if report.folder else None
        return JSONResponse({"share": report.share, "folder": folder, "problem": report.problem})

    async def report_page(request: Request) -> Response:
        report = reports.get(request.path_params["name"])
        if report is None or report.folder is None:
            return _missing()
        text = (report.folder / "report.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"content-security-policy": OF_A_REPORT})

    def wrong(request: Request, error: Any) -> Response:
        said = request.query_params.get(LANGUAGE, language)
        with speaking(said if said in LANGUAGES else language):
            return PlainTextResponse(f"{retold_error(error)}\n", status_code=400)

    routes = [
        Route("/", home),
        Route("/pictures", pictures),
        Route("/save", save_it, methods=["POST"]),
        Route("/reports", make_report, methods=["POST"]),
        Route("/reports/{name}", report_state),
        Route("/reports/{name}/report.html", report_page),
        Route("/{name}", file),
    ]
    handlers: Any = {UserError: wrong}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


async def _events(desk: Desk, question: Question, language: str) -> AsyncIterator[str]:
    """Yield the pictures of a question as server-sent events, until the last, or until nobody listens."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any] | None]()

    def deliver(found: Found | UserError | None) -> None:
        with speaking(language):
            if isinstance(found, UserError):
                drawn: dict[str, Any] | None = refusal(found, desk.explored, question)
            else:
                drawn = found and picture(found, desk.explored)
        with suppress(RuntimeError):  # the server has gone
            loop.call_soon_threadsafe(told.put_nowait, drawn)

    one = desk.ask(question, deliver)
    try:
        while True:
            drawn = await told.get()
            if drawn is None:
                return
            yield f"data: {json.dumps(drawn, ensure_ascii=False, allow_nan=False)}\n\n"
            if drawn["settled"]:
                return
    finally:
        desk.withdraw(one)


def _missing() -> Response:
    return PlainTextResponse("no such page\n", status_code=404)


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback, at a free port if it is 0; UserError if the port is taken."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((LOOPBACK, port))
        opened.listen()
    except OSError as error:
        opened.close()
        raise UserError(Problem("--port", str(port), f"cannot be listened on: {error.strerror}")) from None
    return opened


def serve(
    explored: Explored, opened: socket.socket, threads: int | None, language: str, tell: Callable[[str], None]
) -> None:
    """Serve the page until the process is told to stop; `tell` is told its address."""
    port, token = opened.getsockname()[1], os.urandom(TOKEN_BYTES).hex()
    desk = Desk(explored, threads)
    app = application(desk, token, port, language)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none"))
    thread = Thread(target=server.run, kwargs={"sockets": [opened]}, daemon=True)  # signals are the main thread's
    thread.start()
    tell(f"http://{LOOPBACK}:{port}/{token}/")
    with suppress(KeyboardInterrupt):  # so it is ended
        thread.join()
    with suppress(KeyboardInterrupt):  # and by who presses the keys twice
        desk.close()
        server.should_exit = True
        thread.join(LAST)
