"""Answers that go on for as long as somebody reads them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.responses import Response

_SEND_S = 60.0  # who takes longer for one piece has gone, or reads a byte a second


class Streaming(Response):
    """Sends what comes until it ends, the reader hangs up, or takes a piece for too long.

    Unlike Starlette's own it begins what it sends only when it is sent, always ends it, and does
    not wait for a reader for ever.
    """

    def __init__(self, pieces: Callable[[], AsyncGenerator[bytes, None]], media_type: str) -> None:
        """`pieces` is called when the answer begins; a problem before the first is the answer."""
        self._pieces = pieces
        # So that proxies don't gather it first.
        super().__init__(media_type=media_type, headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Of ASGI."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not sending.done():
                sending.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        try:
            await sending
        except asyncio.CancelledError:
            return  # the reader went
        except TimeoutError:
            await _hang_up(scope)

    async def _send(self, send: Any) -> None:
        pieces = self._pieces()
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            begun = False
            async for piece in pieces:
                if not begun:
                    await send(start)
                    begun = True
                body = {"type": "http.response.body", "body": piece, "more_body": True}
                async with asyncio.timeout(_SEND_S):
                    await send(body)
            if not begun:
                await send(start)
            await send({"type": "http.response.body", "body": b""})
        finally:
            await pieces.aclose()


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _hang_up(scope: Any) -> None:
    """On who does not read, whatever still waits for them."""
    hang_up = scope.get("extensions", {}).get("streamcls", {}).get("hang_up")
    if hang_up is not None:
        hang_up()
        await asyncio.sleep(0)  # the server notices
