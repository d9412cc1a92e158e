"""The room's own names: the clients of the gateway are imported when they are first asked for."""

import subprocess
import sys

import pytest

import stream.client


def test_commands_that_speak_to_kafka_import_no_http() -> None:
    heavy = "{'aiohttp', 'urllib3', 'stream.client.http'}"
    code = f"import sys, stream.client.producer; print(sorted({heavy} & {{*sys.modules}}))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_all_names_are_there_and_no_others() -> None:
    assert all(getattr(stream.client, name).__name__ == name for name in stream.client.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Clients'"):
        stream.client.Clients  # noqa: B018
