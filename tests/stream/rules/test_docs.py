"""Every example of docs/rules.md is a rules file, and means what stands below it."""

import re
from pathlib import Path

import pytest

from stream.rules.describe import in_words
from stream.rules.file import KINDS, parse_rules

TEXT = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```\n\n```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("rules", "words"), EXAMPLES)
def test_an_example_means_what_is_said(rules: str, words: str) -> None:
    assert list(in_words(parse_rules(rules))) == words.splitlines()


def test_every_kind_of_rule_has_an_example() -> None:
    assert len(EXAMPLES) == TEXT.count("```toml")
    whole = "".join(rules for rules, _ in EXAMPLES)
    assert all(f"[[{kind}]]" in whole for kind in KINDS)
    assert "diversity = " in whole
    assert re.findall(r"^## (\w+)$", TEXT, re.MULTILINE) == [
        "Conditions", "exclude", "eligible", "bought", "boost", "diversity", "cap", "pin", "Limits",
    ]  # fmt: skip
