"""The life of a gateway: open the upstream, warm the corpus, listen, and stop without dropping what runs.

On SIGTERM or SIGINT the port is closed, what runs is finished within the time of grace, the log is written. A second
signal ends it at once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.gateway.app import Gateway
from pipeline.gateway.calls import Caller
from pipeline.gateway.contract import Limits, Served
from pipeline.gateway.counters import Counters
from pipeline.gateway.decisions import DecisionLog
from pipeline.gateway.engine import Engine
from pipeline.gateway.live import Live
from pipeline.gateway.upstream import Upstream
from pipeline.gateway.work import Workers

_LINGER = 0.5  # seconds in which a client may go on sending a body that was refused


async def serve(
    served: Served,
    limits: Limits,
    *,
    upstream: str,
    upstream_key: str = "",
    model: str = "",
    host: str = "127.0.0.1",
    port: int = 8800,
    key: str = "",
    log: Path | None = None,
    texts: bool = False,
    stop: asyncio.Event | None = None,
    ready: Callable[[str, str], None] = lambda address, model: None,
) -> None:
    """Serve until a signal comes, or `stop` is set.

    upstream: an address up to and with /v1. model: the upstream's; "": the only one that it lists. key: what clients
    must send; "": none. ready: called with the gateway's address and the upstream's model once it listens; a port of 0
    is chosen by the system. Raises UserError where the upstream names no model, or the port or the log cannot be had.
    """
    from aiohttp import web

    counters = Counters()
    live = Live(served.corpus, held=limits.held)
    workers = Workers(max(2, min(8, os.cpu_count() or 2)))
    stopping = stop or asyncio.Event()
    async with Upstream(upstream, upstream_key, connect=limits.connect, timeout=limits.timeout) as client:
        model = model or await client.model()
        if live.corpus is not None:
            for route in served.routes.values():
                await asyncio.to_thread(live.warm, route.nodes(), live.corpus)
        _tune()
        decisions = DecisionLog(log, lost=counters.lost.inc) if log else None
        engine = Engine(served, Caller(client, model, workers, counters), live, workers, counters)
        gateway = Gateway(engine, limits, counters, key=key, log=decisions, texts=texts)
        # A client that leaves ends its request, and with it the upstream's work for it.
        runner = web.AppRunner(
            gateway.app(),
            access_log=None,
            logger=_http_log(),
            handler_cancellation=True,
            auto_decompress=False,  # a small body could unpack to any size
            lingering_time=_LINGER,
            shutdown_timeout=1.0,
        )
        try:
            await runner.setup()
            site = web.TCPSite(runner, host, port, backlog=1024)
            try:
                await site.start()
            except OSError as e:
                raise UserError(
                    f"it cannot listen: {e.strerror}", where=f"{host}:{port}", remedy="Name another port"
                ) from None
            bound = runner.addresses[0][1]
            if stop is None:
                _on_signals(stopping)
            ready(f"http://{f'[{host}]' if ':' in host else host}:{bound}", model)
            await stopping.wait()
            gateway.draining = True
            await site.stop()
            await _drained(gateway, limits.grace)
        finally:
            await runner.cleanup()
            workers.close()
            if decisions is not None:
                decisions.close()


def _tune() -> None:
    """Settings of the interpreter for a process that serves.

    What is there now stays, so the collector need not look through the corpus's values; requests leave hardly a cycle,
    so it may come less often. A thread that builds an index gives way to the event loop after 1 ms in place of 5.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)


def _http_log() -> logging.Logger:
    """The log of the HTTP layer. Bytes that are no request are told in one line, without what they hold."""
    from aiohttp.http_exceptions import HttpProcessingError

    def one_line(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            said = str(error.message).partition("\n")[0].rstrip(": ")
            record.msg, record.args, record.exc_info = f"refused what is no HTTP request: {said}", (), None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True

    log = logging.getLogger(f"{__name__}.http")
    log.filters[:] = [one_line]
    return log


def _on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def ask_to_stop(number: int) -> None:
        stopping.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop, number)


async def _drained(gateway: Gateway, grace: float) -> None:
    """Wait until nothing runs, for at most `grace` seconds."""
    deadline = asyncio.get_running_loop().time() + grace
    while gateway.running and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
