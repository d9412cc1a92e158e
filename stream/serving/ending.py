"""The end of a server, in time: a client library that waits for a Kafka which is away would wait for ever."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from stream.config import Kafka
from stream.kafka.security import addresses

AWAY_S = 5.0  # to end when no broker can be reached
END_S = 15.0  # to end at all: 10 s for what is under way, 5 s beyond it
CONNECT_S = 1.0

log = logging.getLogger(__name__)


def end_in_time(kafka: Kafka, code: Callable[[], int], *, away_s: float = AWAY_S, end_s: float = END_S) -> None:
    """End the process in time, whatever still waits; what Kafka has not acknowledged is made again by others.

    Parameters
    ----------
    code : the exit code, asked for when it is needed
    """

    def watch() -> None:
        time.sleep(away_s)
        if _reachable(kafka):
            time.sleep(end_s - away_s)
            log.warning("stopping took longer than %.0f s: ended all the same", end_s)
        else:
            log.warning("stopping: no broker of %s can be reached: ended without waiting for it", kafka.broker)
        logging.shutdown()
        os._exit(code())

    threading.Thread(target=watch, name="end in time", daemon=True).start()


async def stop_within(stopping: Coroutine[Any, Any, None], within_s: float) -> None:
    """Stop a client of Kafka; one that cannot is left alone, and what it says is logged.

    Where Kafka is away, aiokafka's clients wait for it, or raise the end of one of their own tasks.
    """
    task = asyncio.ensure_future(stopping)
    await asyncio.wait({task}, timeout=within_s)
    if not task.done():
        task.cancel()
        log.warning("stopping: a client of Kafka took longer than %.0f s", within_s)
    elif not task.cancelled() and task.exception() is not None:
        log.warning("stopping: %r", task.exception())


def _reachable(kafka: Kafka) -> bool:
    for host, port in addresses(kafka):
        try:
            socket.create_connection((host, port), CONNECT_S).close()
        except OSError:
            continue
        return True
    return False
