"""Who may ask at all: only a page of this very server, opened by its secret address, on this machine."""

from hmac import compare_digest
from typing import Any

Headers = dict[bytes, bytes]
SEALED = {  # sent with everything
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """An ASGI application before another: it answers 403 to whoever does not know the token, or comes from elsewhere.

    The token is the first part of every path. `Host` must be this machine by its own names, so that no name of an
    attacker's that is made to point here is served; what another site's page sends is refused, reading or writing.
    """

    def __init__(self, app: Any, token: str, port: int):
        """Take the application, the token, and the port that is listened on."""
        self.app = app
        self.token: str = token
        self.hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, or refuse."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        token = path[1:].partition("/")[0]
        if not compare_digest(token.encode(), self.token.encode()) or not self._is_at_home(scope):
            await _refuse(send)
            return

        async def sealed(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in SEALED.items() if name.encode() not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self.app({**scope, "path": path[1 + len(token) :] or "/", "root_path": ""}, receive, sealed)

    def _is_at_home(self, scope: Any) -> bool:
        """Return whether a request is to this host, and of its own pages, or of a person's own typing."""
        headers: Headers = dict(scope["headers"])
        host, origin = headers.get(b"host", b""), headers.get(b"origin")
        if host not in self.hosts or headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none"):
            return False
        if origin is None:
            return scope["method"] in ("GET", "HEAD")
        return origin == b"http://" + host


async def _refuse(send: Any) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    headers += [(name.encode(), value.encode()) for name, value in SEALED.items()]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": b"forbidden: open the address that the command printed\n"})
