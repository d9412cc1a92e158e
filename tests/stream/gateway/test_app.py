"""Which addresses may be served."""

import pytest

from stream.config import Config, Gateway
from stream.errors import UsageError
from stream.gateway.app import check

READ = "r" * 16


def test_other_machines_are_served_with_keys_or_if_open() -> None:
    for allowed in (Gateway(), Gateway(host="0.0.0.0", open=True), Gateway(host="0.0.0.0", keys=f"read:{READ}")):
        check(Config(gateway=allowed))
    with pytest.raises(UsageError, match="others could reach it without a key"):
        check(Config(gateway=Gateway(host="0.0.0.0")))
