"""What stands before the web service: limits on requests, and headers on answers (plain ASGI)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

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
    """How much may be asked for.

    Attributes
    ----------
    body
        Bytes of a request's body.
    text
        Characters of an article, or of a text to predict.
    sentence
        Characters of a text to explain.
    texts
        Number of texts in a request.
    sentences
        Number of sentences of an article.
    waiting
        Requests that are worked on or wait for it; one more is told to come again.
    threads
        Requests worked on at a time.
    seconds
        In which a request's body must have come.
    """

    body: int = 1 << 20
    text: int = 100_000
    sentence: int = 10_000
    texts: int = 1000
    sentences: int = 2000
    waiting: int = 64
    threads: int = 4
    seconds: float = 10.0


class Gate:
    """Middleware that lets in what keeps the limits, and answers the rest itself.

    Parameters
    ----------
    hosts
        Names the service answers to, without the port; empty: any. A page elsewhere whose name is made to
        point here (DNS rebinding) comes with a name of its own.
    """

    def __init__(self, app: App, *, limits: Limits, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.limits = limits
        self.hosts = frozenset(hosts)
        self.inside = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if self.hosts and _name(host) not in self.hosts:
            await refuse(with_headers, 421, f"this service does not answer to the name {host!r}")
            return
        try:
            async with asyncio.timeout(self.limits.seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            await refuse(with_headers, 408, f"the body did not come within {self.limits.seconds:g} seconds")
            return
        if body is None:
            await refuse(with_headers, 413, f"the body is too long; wanted at most {self.limits.body:,} bytes")
            return
        if self.inside >= self.limits.waiting:
            await refuse(with_headers, 503, "too many requests at a time; try again in a second", retry=True)
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        self.inside += 1
        try:
            await self.app(scope, replay, with_headers)
        finally:
            self.inside -= 1

    async def _body(self, scope: MutableMapping[str, Any], receive: Receive) -> bytes | None:
        """Return a request's body, or None if it is longer than allowed."""
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told[:20]) > self.limits.body:
            return None
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.limits.body:
                return None
            if not message.get("more_body", False):
                return bytes(body)


async def refuse(send: Send, status: int, message: str, *, retry: bool = False) -> None:
    """Answer with an error as JSON, and close the connection."""
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if retry:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": message}).encode()})


def _name(host: str) -> str:
    """Return the name in a Host header.

    >>> _name("LOCALHOST:8000"), _name("[::1]:8000")
    ('localhost', '::1')
    """
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower()
