"""A real Chromium without a screen, driven through its DevTools protocol."""

import asyncio
import base64
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from stream.processes.broker import free_ports
from stream.processes.supervisor import supervised

START_S = 30.0


def chromium() -> str | None:
    """Where it is; None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.complaints: list[str] = []  # of the console: errors, and what raised

    async def listen(self) -> None:
        """Take in answers and complaints until the socket is closed."""
        async for message in self._socket:
            found = message.json()
            if "id" in found and found["id"] in self._answers:
                self._answers.pop(found["id"]).set_result(found.get("result", found.get("error")))
            elif found.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(found["params"]["exceptionDetails"]))
            elif found.get("method") == "Log.entryAdded" and found["params"]["entry"]["level"] == "error":
                self.complaints.append(str(found["params"]["entry"]))

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Send one command; returns its answer."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(answer, 20.0)

    async def run(self, script: str) -> Any:
        """Value of an expression in the page."""
        found = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str, within_s: float = 10.0) -> Any:
        """Value of an expression, as soon as it is true."""
        async with asyncio.timeout(within_s):
            while not (found := await self.run(script)):
                await asyncio.sleep(0.05)
        return found

    async def look(self, path: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Take a picture."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.ask("Emulation.setEmulatedMedia", features=scheme)
        await asyncio.sleep(0.5)
        path.write_bytes(base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"]))


@asynccontextmanager
async def browsing(address: str) -> AsyncIterator[Page]:
    """A tab that shows `address`; the browser ends with the block."""
    binary, port = chromium(), free_ports(1)[0]
    assert binary is not None
    with tempfile.TemporaryDirectory(prefix="headwater-browser-", ignore_cleanup_errors=True) as profile:
        command = [
            binary, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", f"--remote-debugging-port={port}", f"--user-data-dir={profile}",
            "about:blank",
        ]  # fmt: skip
        child = supervised(command, subprocess.DEVNULL, 3.0)
        try:
            async with aiohttp.ClientSession() as client:
                where = await _tab(client, port)
                async with client.ws_connect(where, max_msg_size=0) as socket:
                    page = Page(socket)
                    listening = asyncio.create_task(page.listen())
                    for domain in ("Page", "Runtime", "Log"):
                        await page.ask(f"{domain}.enable")
                    await page.ask("Page.navigate", url=address)
                    await page.until("document.readyState === 'complete' && location.href !== 'about:blank'")
                    yield page
                    listening.cancel()
        finally:
            child.close(5.0)


async def _tab(client: aiohttp.ClientSession, port: int) -> str:
    async with asyncio.timeout(START_S):
        while True:
            try:
                async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    for tab in await answer.json():
                        if tab["type"] == "page":
                            return str(tab["webSocketDebuggerUrl"])
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
