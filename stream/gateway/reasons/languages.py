"""Which words a request gets: those of its parameter `lang`, of its header Accept-Language, or of the setting.

A file in TOML has a table for each language, with a template for each reason:

    [nl]
    default = "aanbevolen voor jou"
    seen = "je hebt dit al eens bekeken"
    goes_with = "past bij {title}"

`default` stands for those that are left out, without it all must be there; English has its own. All is checked at the
start, so that no page shows a name in braces.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from learners.registry import BUILT_IN
from stream.errors import UsageError
from stream.gateway.problems import Problem
from stream.gateway.reasons.words import ENGLISH, IN_ENGLISH, Words, fault
from stream.records.unknown import nearest

MAX_LANGUAGES = 100
MAX_RANGES = 20  # of Accept-Language that are looked at
MAX_FILE_BYTES = 1 << 20
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")


class Languages:
    """All languages that reasons have.

    Parameters
    ----------
    tables : language -> templates, checked
    default : the language of requests that name none

    >>> languages = Languages({"nl": ENGLISH | {"seen": "al bekeken"}}, "en")
    >>> languages.named("nl-BE").language, languages.accepted("fr, nl;q=0.8, en;q=0.5").language
    ('nl', 'nl')
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]] = {}, default: str = "en") -> None:
        found = [IN_ENGLISH, *(Words(tag, templates) for tag, templates in tables.items())]
        self._words = {words.language.lower(): words for words in found}
        default_ = self._best(default)
        if default_ is None:
            raise UsageError(f"gateway.lang: must be one of {', '.join(self.tags)}; got {default!r}")
        self.default = default_

    @property
    def tags(self) -> list[str]:
        """Their tags."""
        return [words.language for words in self._words.values()]

    def named(self, tag: str) -> Words:
        """The words of a language, or of the one that it is a variety of; empty: the default.

        Raises
        ------
        Problem
            422 if there are none
        """
        found = self._best(tag) if tag else self.default
        if found is None:
            near = nearest(tag, self.tags)
            raise Problem(422, f"lang: must be one of {', '.join(self.tags)}; got {tag[:40]!r}{near}")
        return found

    def accepted(self, header: str) -> Words:
        """The words that a header Accept-Language likes best, the first of equals; the default if it likes none."""
        ranges = [_RANGE.fullmatch(part) for part in header.split(",", MAX_RANGES)[:MAX_RANGES]]
        liked = [(float(found[2] or 1), found[1]) for found in ranges if found is not None]
        for quality, tag in sorted(liked, key=lambda each: -each[0]):
            words = self.default if tag == "*" else self._best(tag)
            if quality > 0 and words is not None:
                return words
        return self.default

    def _best(self, tag: str) -> Words | None:
        """By lookup (RFC 4647, 3.4): `pt-BR-x` is looked for as `pt-BR-x`, then `pt-BR`, then `pt`."""
        parts = tag.lower().split("-")
        tags = ("-".join(parts[:n]) for n in range(len(parts), 0, -1))
        return next((self._words[each] for each in tags if each in self._words), None)


def read_languages(path: str, default: str, extra: str = "") -> Languages:
    """Read the file of `gateway.reasons`; empty: English only.

    Parameters
    ----------
    extra : `sources.extra`: sources that may have words too

    Raises
    ------
    UsageError
        saying which language and template, what must hold, and what came
    """
    if not path:
        return Languages({}, default)
    try:
        data = Path(path).read_bytes()
        tables = tomllib.loads(data.decode("utf-8-sig")) if len(data) <= MAX_FILE_BYTES else None
    except OSError as error:
        raise UsageError(f"gateway.reasons {path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"gateway.reasons {path}: is not TOML: {error}") from error
    if tables is None or not 0 < len(tables) <= MAX_LANGUAGES:
        most = f"at most {MAX_FILE_BYTES} bytes" if tables is None else f"1 to {MAX_LANGUAGES} languages, each a table"
        raise UsageError(f"gateway.reasons {path}: must have {most}")
    own = {name.strip() for name in extra.split(",") if name.strip()}
    checked = {tag: _templates(f"gateway.reasons {path}: [{tag}]", tag, table, own) for tag, table in tables.items()}
    return Languages(checked, default)


def _templates(where: str, tag: str, table: Any, own: Collection[str]) -> dict[str, str]:
    """The templates of one language, complete."""
    if _TAG.fullmatch(tag) is None:
        raise UsageError(f"{where}: must be the tag of a language such as nl or pt-BR")
    if not isinstance(table, dict):
        raise UsageError(f"{where}: must be a table of templates; got {str(table)[:40]!r}")
    known = {*ENGLISH, *BUILT_IN, *own, "default"}
    for name, template in table.items():
        if name not in known:
            raise UsageError(f"{where} {name}: is no reason{nearest(name, known)}")
        if wrong := fault(name, template):
            raise UsageError(f"{where} {name}: {wrong}")
    given: dict[str, str] = {name: text for name, text in table.items() if name != "default"}
    if tag.lower() == "en":
        return ENGLISH | given
    left_out = [name for name in ENGLISH if name not in given]
    if left_out and "default" not in table:
        raise UsageError(f"{where}: must have all reasons, or `default` for those left out: {', '.join(left_out)}")
    return dict.fromkeys(left_out, str(table.get("default"))) | given
