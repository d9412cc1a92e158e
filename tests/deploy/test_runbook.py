"""The runbook names nothing that does not exist."""

import re
from pathlib import Path

from stream.cli import COMMANDS
from stream.config import SECTIONS, Config
from stream.metrics.gateway import GatewayMetrics
from stream.metrics.worker import PrometheusObserver
from stream.records.codec import REASONS
from stream.records.topics import TOPICS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TEXT = (DEPLOY / "README.md").read_text("utf-8")


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert links
    assert not [link for link in links if not link.startswith("#") and not (DEPLOY / link).exists()]
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", TEXT, re.M)
    }
    assert {link[1:] for link in links if link.startswith("#")} <= headings


def test_metrics_are_exposed() -> None:
    observer = PrometheusObserver(("ranked",))
    observer.lag.labels("events.view", 0).set(0)
    held = ("slates", "items", "listeners", "waiting", "held_bytes", "evicted", "ready")
    gateway = GatewayMetrics(dict.fromkeys(held, float))
    pages = (observer.render() + gateway.render()).decode()
    exposed = set(re.findall(r"^# TYPE (\w+)", pages, flags=re.MULTILINE))
    named = set(re.findall(r"headwater_\w+", TEXT))
    assert len(named) > 5
    assert named <= exposed


def test_settings_are_known() -> None:
    sections = {name: getattr(Config(), name).__struct_fields__ for name in SECTIONS}
    known = {f"HEADWATER_{section}_{key}".upper() for section, keys in sections.items() for key in keys}
    assert set(re.findall(r"HEADWATER_\w+", TEXT)) <= known | {"HEADWATER_BROKER"}


def test_commands_and_topics_exist() -> None:
    assert set(re.findall(r"headwater ([a-z]+)", TEXT)) <= COMMANDS.keys()
    named = set(re.findall(r"`((?:events|catalog)\.\w+|headwater\.log)`", TEXT))
    assert named
    assert named <= {topic.name for topic in TOPICS}
    assert "bad_timestamp" in REASONS
