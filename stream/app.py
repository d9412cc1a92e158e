"""The Faust app: one agent over all input topics. `app` is built at its first use, not at import.

`headwater worker` and `faust -A stream.app worker` start the same app; the latter takes its settings from the file
named by HEADWATER_CONFIG and the environment.
"""

import asyncio
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import faust
import mode
from faust.types import TP, StreamT

from stream.compiling.children import prepare
from stream.compiling.later import Later
from stream.config import Config, Kafka, load
from stream.decisions.explain import explanation_parts
from stream.kafka.aiokafka_changes import calm_reconnect, plan_quickly, survive_closed_transports
from stream.kafka.faust_polls import PollConsumer, PollSchema, Positions
from stream.kafka.security import addresses, joined, tls_context
from stream.metrics.log_filter import hold_back_repeats
from stream.metrics.log_lines import one_line_each
from stream.metrics.worker import PrometheusObserver
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.placements import key_of
from stream.records.schemas import HOME
from stream.records.topics import INPUT_TOPICS, prefixed
from stream.serving.access import check, guarding
from stream.serving.ending import end_in_time
from stream.serving.turns import RETRY_S, BusyError, Turns
from stream.worker.health import Health, Verdict
from stream.worker.worker import Worker

# Users and records make no cycles, so a full collection finds nothing and stops everything for tens of milliseconds.
GC_THRESHOLDS = (50_000, 20, 100)
METADATA_MS = 5000  # until a topic that was deleted and made again is assigned; five minutes by default

T = TypeVar("T")

log = logging.getLogger(__name__)


def build(config: Config) -> faust.App:
    """Make the app, one setting of Faust after another."""
    check(config.worker)
    logging.disable(logging.DEBUG)  # aiokafka formats debug records whatever the level: a quarter of the busy time
    one_line_each()
    hold_back_repeats()
    calm_reconnect()
    survive_closed_transports()
    plan_quickly()
    app = faust.App(**settings(config))
    observer = PrometheusObserver(placements=config.placements)
    positions = Positions(app)
    worker = Worker(config, observer, _ender(app), positions)
    observer.name_lists(worker.model.lists)
    health = Health(worker, observer, positions)
    _use_polls(app, config, worker, health)
    _register_agent(app, config, worker)
    _register_end(app, config, worker)
    _register_endpoints(app, worker, health, observer)
    cast("Any", app.web).web_app.middlewares.append(guarding(config.worker))  # aiohttp's, behind Faust's
    return app


def settings(config: Config) -> dict[str, Any]:
    """The settings of the Faust app."""
    kafka = config.kafka
    return {
        "id": f"{kafka.namespace}.{kafka.group}" if kafka.namespace else kafka.group,
        "broker": [f"kafka://{joined(*address)}" for address in addresses(kafka)],
        "broker_credentials": _credentials(kafka),
        "topic_allow_declare": False,  # `headwater topics` creates them, with the right settings
        "topic_disable_leader": True,
        "table_standby_replicas": 1,  # keeps Faust's assignor, which gives a worker the same partition of every topic
        "store": "memory://",
        "datadir": Path(tempfile.gettempdir()) / "headwater-faust",  # stays empty, but Faust insists on one
        "stream_buffer_maxsize": 4,  # polls: back-pressure is the blocking put
        "stream_wait_empty": False,
        "broker_session_timeout": kafka.session_timeout_s,
        "broker_heartbeat_interval": kafka.session_timeout_s / 3,
        "broker_commit_interval": 1.0,
        "broker_max_poll_records": 5000,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": METADATA_MS,
        "consumer_group_instance_id": kafka.instance_id or None,
        "web_host": config.worker.host,
        "web_bind": config.worker.host,
        "web_port": config.worker.port,
    }


def _credentials(kafka: Kafka) -> Any:
    """The security settings of the other clients, as Faust's credentials."""
    context = tls_context(kafka) if kafka.security_protocol.endswith("SSL") else None
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka.sasl_username, password=kafka.sasl_password, mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )  # fmt: skip
    return None if context is None else faust.SSLCredentials(context=context)


def _use_polls(app: faust.App, config: Config, worker: Worker, health: Health) -> None:
    class Configured(PollConsumer):
        interval_s = staticmethod(lambda: worker.rounds.poll_interval_s)
        max_records = config.kafka.max_poll_records

        async def before_joining(self) -> None:
            """Load everything first: others serve this worker's shards until then."""
            later = Later(config)
            worker.replica.kernels = later
            try:
                await asyncio.to_thread(prepare, config, health.tell)
                later.start()
                await worker.start()
                self.add_future(health.watch())
                await worker.replica.caught_up.wait()
            except Exception as error:
                worker.failed(error)
                raise
            gc.collect()
            gc.freeze()  # what is loaded now stays: later collections skip it
            gc.set_threshold(*GC_THRESHOLDS)

    app.transport.Consumer = Configured  # type: ignore[misc]  # how Faust lets a consumer be replaced


def _register_agent(app: faust.App, config: Config, worker: Worker) -> None:
    names = [prefixed(config.kafka.namespace, topic) for topic in INPUT_TOPICS]

    @app.agent(app.topic(*names, schema=PollSchema()), name="take")
    async def take(stream: StreamT[Any]) -> None:
        async for poll in stream:
            try:
                await worker.take(poll)
            except Exception as error:  # Faust would acknowledge the poll and go on without it
                worker.failed(error)
                raise

    async def assigned(_: Any, assigned: set[TP], **__: Any) -> None:
        app.add_future(worker.assign(assigned))  # Kafka does not wait while the log is read

    async def revoked(_: Any, revoked: set[TP], **__: Any) -> None:
        await worker.revoke(revoked)

    # The signal's type asks for more than it calls with.
    app.on_partitions_assigned.connect(cast("Any", assigned))
    app.on_partitions_revoked.connect(cast("Any", revoked))


def _register_end(app: faust.App, config: Config, worker: Worker) -> None:
    class WorkerService(mode.Service):
        async def on_stop(self) -> None:
            await worker.stop()

    app.service(WorkerService)
    stop = app.stop

    async def stop_in_time() -> None:
        """Faust's own clients wait for Kafka without a limit, so the time begins before any of them is asked."""
        end_in_time(config.kafka, lambda: int(app.crashed))
        await stop()

    app.stop = stop_in_time  # type: ignore[method-assign]  # its signal comes after the consumer's end


def _register_endpoints(app: faust.App, worker: Worker, health: Health, observer: PrometheusObserver) -> None:
    turns = Turns()

    def answer(view: Any, verdict: Verdict) -> Any:
        return view.text(verdict.reason, status=200 if verdict.good else 503)

    @app.page("/healthz")
    async def healthz(view: Any, _: Any) -> Any:
        return answer(view, health.alive())

    @app.page("/readyz")
    async def readyz(view: Any, _: Any) -> Any:
        return answer(view, health.ready())

    async def in_turn(view: Any, parts: Iterator[T]) -> T | Any:
        """The last of the parts, or the answer to one who comes while too many wait."""
        try:
            return await turns.last(parts)
        except BusyError as error:
            return view.text(str(error), status=503, headers={"Retry-After": str(RETRY_S)})

    @app.page("/fingerprint")
    async def fingerprint(view: Any, _: Any) -> Any:
        copy = await in_turn(view, map(Model.copy, [worker.model]))
        if not isinstance(copy, ModelCopy):
            return copy
        return view.json({"offset": copy.offset, "fingerprint": await asyncio.to_thread(copy.fingerprint)})

    @app.page("/explanation/{user_id}")
    async def explanation(view: Any, request: Any, user_id: str) -> Any:
        user = next((p.users[user_id] for p in worker.shards.values() if user_id in p.users), None)
        placement = key_of(request.query.get("placement", HOME))
        found = None if user is None else await in_turn(view, explanation_parts(worker.model, user_id, user, placement))
        if found is None:
            return view.text("no open slate of this user here", status=404)
        return view.json(found) if isinstance(found, dict) else found

    @app.page("/metrics")
    async def metrics(view: Any, _: Any) -> Any:
        return view.bytes(observer.render(), headers={"Content-Type": observer.content_type})


def _ender(app: faust.App) -> Any:
    def failed(error: BaseException) -> None:
        """End the process: input that the log has not accepted is taken in again by the next owner."""
        if not app.crashed:
            log.critical("%s: %s", type(error).__name__, error)
            asyncio.ensure_future(app.crash(error))  # noqa: RUF006  the app ends with it

    return failed


def __getattr__(name: str) -> faust.App:
    """Build `app` when it is first asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    path = os.environ.get("HEADWATER_CONFIG")
    app = build(load(Path(path) if path else None, os.environ))
    setattr(sys.modules[__name__], "app", app)  # noqa: B010  `global app` would define it at import
    return app
