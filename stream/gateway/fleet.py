"""The workers' pages: which addresses stand behind the names of `gateway.workers`."""

import asyncio
import socket

from yarl import URL


async def addresses(setting: str) -> list[str]:
    """Where to ask all workers: addresses without a slash at the end, each once, in the order of the names.

    A name may stand for several workers (replicas of one service, a service without an address of its own): each of
    its addresses is one. A name that cannot be resolved stays as it is, so that whoever asks there sees the failure;
    so does one of https, whose certificate is for the name.
    """
    found = dict[str, None]()
    for name in filter(None, (part.strip().rstrip("/") for part in setting.split(","))):
        found |= dict.fromkeys(await _resolved(URL(name)))
    return list(found)


async def _resolved(url: URL) -> list[str]:
    if url.scheme == "http" and url.host:
        for family in (socket.AF_INET, socket.AF_INET6):  # not both: a worker listens to one, as a rule
            try:
                infos = await asyncio.get_running_loop().getaddrinfo(
                    url.host, url.port, family=family, type=socket.SOCK_STREAM
                )
            except OSError:
                continue
            return [str(url.with_host(str(info[4][0]))).rstrip("/") for info in sorted(infos)]
    return [str(url).rstrip("/")]
