"""The guide's commands run."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.gateway.test_gateway_run import Running, broker, needs_kafka, running  # noqa: F401  fixtures

GUIDE = Path(__file__).parents[2] / "docs" / "gateway.md"

pytestmark = pytest.mark.kafka


def test_every_line_of_the_guide_runs(running: Running) -> None:  # noqa: F811
    (block,) = re.findall(r"^```bash\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "GATEWAY": running.gateway.pages}
    done = subprocess.run(
        ["bash", "-ec", block], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"accepted":1' in done.stdout
    assert '"fallback":"trending"' in done.stdout
    assert '"event_id":"web-' in done.stdout
