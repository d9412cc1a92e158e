"""Metrics of the fold: records learned and skipped, losses before learning, drift."""

from collections.abc import Iterable, Mapping, Sequence

from learners.drift import ANSWERS
from stream.metrics.declare import Declare
from stream.model.drift_watch import MODELS
from stream.observe import Losses


class LearningMetrics:
    """What a worker's model learns, and how well it predicted before."""

    def __init__(self, declare: Declare) -> None:
        self.folded = declare.counter("records_folded", "records of headwater.log that the model has learned")
        self.skipped = declare.counter("records_skipped", "records that raised in a learner; must stay 0")
        self.no_room = declare.counter(
            "items_without_room", "records of new items beyond `sources.max_items`, not learned"
        )
        self._td_error = declare.running_mean("td_error", "running mean of the policy's absolute TD error")
        self._listwise = declare.running_mean(
            "listwise_loss", "running mean of the mixer's loss before learning, in nats"
        )
        self._click = declare.running_mean(
            "click_log_loss", "running mean of the click head's log-loss before learning, in nats"
        )
        self._purchase = declare.running_mean(
            "purchase_log_loss", "running mean of the purchase head's log-loss of items taken, before learning, in nats"
        )
        expected = declare.counter(
            "head_expected", "clicks and purchases that the heads expected of what they learned", "head"
        )
        happened = declare.counter(
            "head_happened", "clicks and purchases that happened; a calibrated head expects as many", "head"
        )
        self._heads = [(expected.labels(head), happened.labels(head)) for head in ("click", "purchase")]
        self._drift = declare.counter(
            "drift", "models that became worse than chance explains, and what was done", "model", "answer"
        )
        self._bytes = declare.gauge("state_bytes", "of the arrays of one part of the model", "part")

    def name_lists(self, lists: tuple[str, ...]) -> None:
        """Fix the values of the label `model`."""
        for model in (*MODELS, *lists[1:]):
            for answer in ANSWERS:
                self._drift.labels(model, answer)

    def learned(self, td_errors: Sequence[float], losses: Iterable[Losses]) -> None:
        """The policies' TD errors and the ranker's losses; a metric is set once for all of a message."""
        listwise: list[float] = []
        purchase: list[float] = []
        losses = [*losses]
        for each in losses:
            if each.listwise is not None:
                listwise.append(each.listwise)
            if each.purchase is not None:
                purchase.append(each.purchase)
        self._td_error.add([abs(error) for error in td_errors])
        self._click.add([each.click for each in losses])
        self._listwise.add(listwise)
        self._purchase.add(purchase)
        if losses:
            for head, counts in zip(self._heads, zip(*[(each.clicks, each.purchases) for each in losses]), strict=True):
                for counter, numbers in zip(head, zip(*counts), strict=True):
                    counter.inc(sum(numbers))

    def drifted(self, model: str, answer: str) -> None:
        """A model has become worse."""
        self._drift.labels(model, answer).inc()

    def sized(self, sizes: Mapping[str, int]) -> None:
        """Bytes of each part of the model."""
        for part, size in sizes.items():
            self._bytes.labels(part).set(size)
