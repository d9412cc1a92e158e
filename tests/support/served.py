"""A gateway on a free port, without Kafka: what is asked of it needs no topics."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from stream.config import Config, Gateway
from stream.gateway.app import build
from stream.gateway.asking.questions import Questions
from stream.gateway.asking.requester import Replied
from stream.gateway.guard.connections import ConnectionLimits, Runner
from stream.gateway.handlers.parts import QUESTIONS
from stream.records.questions.records import AnswerStatus, ListedItem, ListedUser, QuestionAnswer, QuestionKind
from stream.records.topics import EVENT_TOPICS, ITEMS, OUTCOMES, PLACED, RECOMMENDATIONS

PARTITIONS = {topic.name: 1 for topic in (*EVENT_TOPICS.values(), ITEMS, RECOMMENDATIONS, PLACED, OUTCOMES)}


class Served(NamedTuple):
    """A running gateway."""

    app: web.Application
    runner: Runner
    port: int

    async def raw(self, data: bytes, within_s: float = 5.0) -> bytes:
        """Send bytes as they are; return all that comes back until the connection is closed or silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            found = b""
            while True:
                try:
                    part = await asyncio.wait_for(reader.read(65_536), within_s if not found else 0.3)
                except TimeoutError:
                    return found
                except ConnectionError:
                    return found
                if not part:
                    return found
                found += part
        finally:
            writer.close()

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send one request; return its status and the rest of the answer."""
        lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.append("Host: localhost")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        answer = await self.raw("\r\n".join((*lines, "", "")).encode("latin-1") + body)
        assert answer.startswith(b"HTTP/1.1 "), answer[:100]
        return int(answer[9:12]), answer


class Model:
    """The workers' side of questions: the same answer to each, in turn by partition; or none."""

    def __init__(self, *answers: Replied, partitions: int = 1) -> None:
        self.answers, self.partitions = answers or (answered(),), partitions
        self.asked = list[tuple[str, str | None, str | None, int, int]]()

    async def question(
        self, kind: QuestionKind, of: str | None, category: str | None, within_ms: int, partition: int
    ) -> Replied:
        self.asked.append((kind, of, category, within_ms, partition))
        await asyncio.sleep(0)
        return self.answers[partition % len(self.answers)]


def answered(*items: str, users: Sequence[tuple[str, float]] = (), status: AnswerStatus = "answered") -> QuestionAnswer:
    """An answer: items by co-visitation, from 1 down; users through the item a."""
    return QuestionAnswer(
        request_id="r", question="similar", status=status, model_version=1,
        items=[ListedItem(item, 1.0 / (n + 1), "covisitation") for n, item in enumerate(items or "bcd")],
        users=[ListedUser(user, score, "a") for user, score in users],
    )  # fmt: skip


def served(settings: Gateway, use: Callable[[Served], Awaitable[Any]], model: Model | None = None) -> Any:
    """Run a gateway with these settings, and a test with it; `model` answers its questions."""

    async def run() -> Any:
        app = build(Config(gateway=settings), PARTITIONS)
        app.cleanup_ctx.clear()  # neither consumer nor producer
        asked: Any = model or Model()
        app[QUESTIONS] = Questions(asked, lambda *_: None)
        limits = ConnectionLimits(settings.request_s, settings.connections, settings.connections_per_address)
        runner = Runner(app, limits, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return await use(Served(app, runner, runner.addresses[0][1]))
        finally:
            await runner.cleanup()

    return asyncio.run(run())
