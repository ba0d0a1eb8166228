"""What the web service allows of a request, and the headers of its answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: On every answer. Nothing is taken from elsewhere, nothing is kept, and no other page may frame or read it.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Limits:
    """How much may be asked for."""

    body: int = 1 << 20  # bytes of a request's body
    text: int = 100_000  # characters of an article, or of a text to predict
    sentence: int = 10_000  # characters of a text to explain
    texts: int = 1000  # texts in a request
    sentences: int = 2000  # sentences of an article
    waiting: int = 64  # requests at a time; one more is told to come again
    threads: int = 4  # requests worked on at a time
    seconds: float = 10.0  # in which a request's body must have come


class Refusals(BaseHTTPMiddleware):
    """Answers 503 to a request too many, and says in JSON what Starlette's own middleware refuses in plain text."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        super().__init__(app)
        self.limits = limits
        self.n_open = 0

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        if self.n_open >= self.limits.waiting:
            return problem(503, "too many requests at a time; try again in a second", {"retry-after": "1"})
        self.n_open += 1
        try:
            response = await call_next(request)
        finally:
            self.n_open -= 1
        if response.status_code == 413:
            return problem(413, f"the body is too long; wanted at most {self.limits.body:,} bytes")
        if response.headers.get("content-type", "").startswith("text/plain"):
            return problem(421, "this service does not answer to that host name")
        return response


class TimedHeads(H11Protocol):
    """Uvicorn's HTTP, whose timer of idle connections also runs before a first request and until a head is whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        self.conn.receive_data(data)
        self.handle_events()  # stops the timer at a whole head


class BodyTimeout:
    """Middleware that answers 408 if a request's body has not come in time."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = asyncio.get_running_loop().time() + self.seconds

        async def receive_in_time() -> Message:
            try:
                async with asyncio.timeout_at(deadline):
                    return await receive()
            except TimeoutError:
                message = f"the body did not come within {self.seconds:g} seconds"
                raise HTTPException(408, message, {"connection": "close"}) from None

        await self.app(scope, receive_in_time if scope["type"] == "http" else receive, send)


def problem(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer that says what is wrong with a request."""
    return JSONResponse({"error": message}, status_code=status, headers=headers)
