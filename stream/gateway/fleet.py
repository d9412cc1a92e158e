"""The workers' HTTP endpoints: their addresses behind the names of `gateway.workers`, and what is asked there."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

TIMEOUT_S = 2.0  # of figures
EXPLAIN_S = 8.0  # of an explanation: `stream.serving.turns.WAITING` of them may wait, in a fifth of a worker's time


async def addresses(setting: str) -> list[str]:
    """Addresses of all workers, without a slash at the end, each once, in the order of the names.

    A name may stand for several workers (replicas of one service, a headless service): each of its addresses is one. A
    name that cannot be resolved stays as it is, so that the request to it fails visibly; so does a name with https,
    since the certificate is for the name.
    """
    found = dict[str, None]()
    for name in filter(None, (part.strip().rstrip("/") for part in setting.split(","))):
        found |= dict.fromkeys(await _resolved(URL(name)))
    return list(found)


async def _resolved(url: URL) -> list[str]:
    if url.scheme == "http" and url.host:
        for family in (socket.AF_INET, socket.AF_INET6):  # not both: a worker usually listens on one
            try:
                infos = await asyncio.get_running_loop().getaddrinfo(
                    url.host, url.port, family=family, type=socket.SOCK_STREAM
                )
            except OSError:
                continue
            return [str(url.with_host(str(info[4][0]))).rstrip("/") for info in sorted(infos)]
    return [str(url).rstrip("/")]


async def explanation(
    client: aiohttp.ClientSession, worker: str, user_id: str, placement: str
) -> dict[str, Any] | int | None:  # fmt: skip
    """A worker's explanation of a user's slate of a placement, its status if none, None if it does not answer."""
    try:
        name = quote(user_id, safe="").replace(".", "%2E")  # `..` would be another path
        async with client.get(
            URL(f"{worker}/explanation/{name}?placement={quote(placement, safe='')}", encoded=True),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=EXPLAIN_S),
        ) as response:  # fmt: skip
            found = orjson.loads(await response.read()) if response.status == 200 else response.status
            return found if isinstance(found, int) or (isinstance(found, dict) and "slots" in found) else None
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return None


async def lag_and_drift(client: aiohttp.ClientSession, workers: Sequence[str]) -> dict[str, Any]:
    """Lag and drift from the workers' metrics, and how many workers answered."""
    lag, drift, answered = 0.0, dict[str, float](), 0
    for worker in workers:
        try:
            async with client.get(f"{worker}/metrics") as response:
                response.raise_for_status()
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError):
            continue
        answered += 1
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "headwater_consumer_lag_events":
                    lag += sample.value
                elif sample.name == "headwater_drift_total" and sample.value > 0:
                    drift[sample.labels["model"]] = max(drift.get(sample.labels["model"], 0.0), sample.value)
    return {"workers": [answered, len(workers)], "lag": lag if answered else None, "drift": drift}
