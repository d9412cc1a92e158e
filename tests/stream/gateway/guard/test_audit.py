"""What the audit writes, and that a flood of refusals cannot fill the disk."""

import json
import logging
from typing import Any

import pytest

from stream.gateway.guard.audit import MAX_REFUSED, Audit


def noted(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage().removeprefix("audit ")) for record in caplog.records]


def test_writes_and_refusals_are_noted_and_reads_are_not(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit()
    with caplog.at_level(logging.INFO):
        for method, status in (("GET", 200), ("HEAD", 200), ("POST", 200), ("PUT", 503), ("GET", 403), ("GET", 404)):
            audit.note("shop", "10.0.0.1", "events", (method, "/v1/events"), status, 0.0)
    assert [(each["method"], each["status"]) for each in noted(caplog)] == [("POST", 200), ("PUT", 503), ("GET", 403)]


def test_a_flood_of_refusals_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    audit, most = Audit(), int(MAX_REFUSED)
    with caplog.at_level(logging.INFO):
        for _ in range(most + 1_000):
            audit.note("", "10.0.0.1", "events", ("POST", "/v1/events"), 401, 0.0)
        audit.note("shop", "10.0.0.1", "events", ("POST", "/v1/events"), 200, 0.0)
        audit.note("", "10.0.0.1", "events", ("POST", "/v1/events"), 401, 1.0)
    found = noted(caplog)
    assert len(found) == most + 2
    assert found[-2]["status"] == 200
    assert found[-1]["left_out"] == 1_000


def test_names_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Audit().note("token of a\nb", "x", "own", ("POST", "/v1/events"), 200, 0.0)
    assert "\n" not in caplog.records[0].getMessage()
