"""A process that serves compiles nothing, neither at its start nor later, whatever it is asked."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SERVED = """
import stream  # first, as a worker does: it says where kernels are kept
import numpy as np
from numba.core import event
from bandits.registry import POLICIES
from stream.compiling import record
from stream.compiling.children import Compilation, prepare
from stream.config import Config
from stream.kernels import cache
from stream.decisions.explain import explain
from stream.decisions.local import LocalWorker
from stream.records.log import ExperimentChange, ItemChange, ProfileChange
from stream.records.schemas import KINDS, Event, Experiment, Item, Variant

with Compilation(Config(), whole=True) as compilation:
    assert compilation.wait(lambda _: None)
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
prepare(Config())
worker, rng = LocalWorker.of(Config()), np.random.default_rng(5)
worker.take(*(
    ItemChange(f"i{n}", Item(item_id=f"i{n}", title=f"red thing {n % 9}", tags=["t"], price=float(n),
                             categories=[f"c{n % 5}"], vectors={"v": [float(n), 1.0]},
                             attributes={"ages": float(n % 3)}))
    for n in range(300)
))
rules = '''
[[eligible]]
name = "s"
item = "attributes.ages"
op = "<="
user = "attributes.age"
if_user_lacks = "show"
[[bought]]
name = "a"
again = "after"
days = 1
'''
events = 0
def some(users, count):
    global events
    for _ in range(count):
        found = []
        for _ in range(int(rng.integers(1, 4))):
            events += 1
            user, item = f"u{rng.integers(users)}", f"i{min(299, rng.zipf(1.4))}"
            event = Event(event_id=f"e{events}", user_id=user, item_id=item, timestamp=1e9 + 40 * events)
            found.append(worker.arrival(KINDS[int(rng.integers(3))], event))
        worker.take(*found)
some(20, 150)
worker.take(ProfileChange("u1", {"country": "NL"}), ProfileChange("u2", None), ItemChange("i2", None))
some(20, 50)
for user_id, user in worker.shard.users.items():
    explain(worker.model, user_id, user)
own = {name for _, name in record._read()[record.key(Config(), whole=False)]}
print(*sorted({path.name for path in cache.used} - own), sep="\\n", end="")  # served with, and compiled too late
for names in (list(POLICIES)[:5], list(POLICIES)[5:]):
    variants = [Variant(name="control", share=0.1)]
    variants += [Variant(name=f"v{n}", share=0.15, settings={"policy": {"name": name}}, rules=rules)
                 for n, name in enumerate(names)]
    worker.take(ExperimentChange("x", Experiment(name="x", variants=variants, starts_at=1e9, holdout=0.1)))
    some(60, 150)
    for user_id, user in worker.shard.users.items():
        explain(worker.model, user_id, user)
    worker.take(ExperimentChange("x", None))
worker.take(ProfileChange("u1", {"country": "NL", "age": 3}), ProfileChange("u2", None), ItemChange("i2", None))
some(20, 100)
worker.engine.refresh(worker.shard, 5)
worker.model.fingerprint()
print("\\n".join(sorted(str(each.data["dispatcher"]) for _, each in compiled.buffer if each.is_start)))
"""


GATEWAY = """
import stream
from numba.core import event
from stream.compiling.children import prepare
from stream.config import Config
from stream.gateway.read_model import warm_up

compiled = event.RecordingListener()
event.register("numba:compile", compiled)
prepare(Config())
warm_up()
print("\\n".join(sorted(str(each.data["dispatcher"]) for _, each in compiled.buffer if each.is_start)))
"""

LOADED = """
import sys
import stream.commands.run.worker
from stream.compiling.children import prepare
from stream.config import Config
prepare(Config())
print(*sorted(sys.modules))
"""
LATE = {  # what serving does not need, and what it would bring: 60 MB and half of the time of all imports
    "learners.factors.biased_mf", "matplotlib", "optuna", "pandas", "pyarrow", "rich",
    "river.linear_model", "scipy.sparse", "scipy.special", "scipy.stats", "sklearn", "sqlalchemy",
    "stream.bench", "stream.chaos", "stream.demo", "stream.evaluation", "stream.ope",
    "stream.simulation",
}  # fmt: skip


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_nothing_is_compiled_by_a_process_that_serves() -> None:
    assert run(SERVED) == ""


def test_a_gateway_compiles_nothing_either() -> None:
    assert run(GATEWAY) == ""


def test_what_serving_does_not_need_is_not_imported() -> None:
    loaded = set(run(LOADED).split())
    assert {"stream.worker.worker", "learners", "numba"} <= loaded
    assert not loaded & LATE
