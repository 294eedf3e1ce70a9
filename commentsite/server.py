"""The server that `commentsite serve` starts: waitress, made to end without dropping an answer."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from flask import Flask
from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

from .clock import seconds_running

LOOP_SECONDS = 0.5
FINISH_SECONDS = 10
# Beyond this waitress refuses a body unread; up to it the app answers with a page.
MAX_BODY_BYTES = 1024 * 1024
# Up to this much of an answer is sent in one piece by the loop. By itself waitress has each thread send the header and
# then the body: both times the thread gives up the interpreter and has to wait until it gets it again.
WHOLE_ANSWER_BYTES = 64 * 1024


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection of a visitor, on which an answer that waits to be sent in one piece is sent once and soon."""

    def service(self) -> None:
        """Answer one request. Its answer does not wait for those that came with it."""
        super().service()
        if self.requests and self.total_outbufs_len:
            self._flush_exception(self._flush_some, do_close=False)

    def _flush_some(self, do_close: bool = True) -> bool:
        # The loop does not ask for the lock where no request is left, and would send again what a thread just sends.
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close))


class Server:
    """A server listening on `host` and `port`. Raises OSError where it cannot."""

    def __init__(self, app: Flask, host: str, port: int, threads: int) -> None:
        self._sockets: dict[int, Any] = {}
        self._stopping = False
        self._server = create_server(
            app,
            map=self._sockets,
            host=host,
            port=port,
            threads=threads,
            ident="commentsite",
            max_request_body_size=MAX_BODY_BYTES,
            # Which forwarding headers to believe is decided in one place, by PROXY_HOPS.
            clear_untrusted_proxy_headers=False,
        )
        for listener in self._of_type(BaseWSGIServer):
            listener.channel_class = Channel
            listener.adj.send_bytes = WHOLE_ANSWER_BYTES  # as an argument it draws a warning that it may go some day

    @property
    def port(self) -> int:
        """The port listened on, also where 0 asked for any free one."""
        return next(int(each.effective_port) for each in self._of_type(BaseWSGIServer))

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then answer what was begun to be asked, for FINISH_SECONDS at most."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            self._turn()
        for listener in self._of_type(BaseWSGIServer):
            wasyncore.dispatcher.close(listener)  # its own close() would also end the worker threads' way to wake us
        give_up = seconds_running() + FINISH_SECONDS
        self._turn(0)  # what was sent with the last connections is not read yet
        while self._is_busy() and seconds_running() < give_up:
            self._turn()
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _turn(self, timeout: float = LOOP_SECONDS) -> None:
        wasyncore.loop(timeout=timeout, map=self._sockets, count=1)

    def _is_busy(self) -> bool:
        return any(
            channel.request or channel.requests or channel.total_outbufs_len for channel in self._of_type(HTTPChannel)
        )

    def _of_type(self, kind: type[Any]) -> list[Any]:
        return [each for each in self._sockets.values() if isinstance(each, kind)]
