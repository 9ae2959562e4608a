"""The page and what it asks for, on loopback alone."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from simulator.explore.desk import Desk, Found
from simulator.explore.guard import Guard
from simulator.explore.page import page
from simulator.explore.picture import picture, refusal
from simulator.explore.question import LANGUAGE, Explored, Question
from simulator.language.catalogue import LANGUAGES, speaking
from simulator.model.errors import Problem, UserError

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
TOKEN_BYTES = 18


def application(desk: Desk, token: str, port: int, language: str) -> Guard:
    """Return the application that serves a desk's scenario at a port; its pages speak `language` unless asked."""
    explored = desk.explored

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

    def wrong(request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", status_code=400)

    routes = [
        Route("/", home),
        Route("/pictures", pictures),
        Route("/{name}", file),
    ]
    handlers: Any = {UserError: wrong}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token, port)


async def _events(desk: Desk, question: Question, language: str) -> AsyncIterator[str]:
    """Yield the pictures of a question as server-sent events, until the last, or until nobody listens."""
    loop, told = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()
    address = desk.explored.address(question)

    def deliver(found: Found | UserError) -> None:
        with speaking(language):
            drawn = refusal(found, address) if isinstance(found, UserError) else picture(found, desk.explored)
        with suppress(RuntimeError):  # the server has gone
            loop.call_soon_threadsafe(told.put_nowait, drawn)

    one = desk.ask(question, deliver)
    try:
        while True:
            drawn = await told.get()
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
    try:
        app = application(desk, token, port, language)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        tell(f"http://{LOOPBACK}:{port}/{token}/")
        uvicorn.Server(config).run(sockets=[opened])
    finally:
        desk.close()
