"""The nearest guess for a file that fits nothing: which columns look like user, item, time, event, and what to try."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stream.datasets.layouts import SKIP, clock, plain_name, unit_of

# Words in the names of columns, the most telling first.
WORDS: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "datetime", "time", "date", "when", "created", "occurred", "day", "ts", "dat"),
    "event": ("eventtype", "eventname", "event", "action", "behavio", "interaction", "activity", "type", "verb", "op"),
    "session": ("session", "visitid", "basket"),
    "user": ("user", "visitor", "customer", "client", "member", "reviewer", "person", "account", "shopper", "buyer",
             "consumer", "reader", "who", "uid", "cookie", "device"),
    "item": ("itemid", "productid", "item", "product", "article", "sku", "asin", "movie", "film", "book", "song",
             "track", "artist", "content", "listing", "offer", "isbn", "good", "what", "aid", "iid"),
    "price": ("price", "amount", "cost", "revenue"),
    "quantity": ("quantity", "qty", "count", "units"),
    "rating": ("rating", "stars", "score", "overall"),
}  # fmt: skip
MEANINGS = {
    "purchase": ("purchase", "buy", "bought", "order", "transaction", "paid", "checkout", "sale", "convert"),
    "click": ("click", "cart", "basket", "fav", "wish", "like", "save", "add", "select"),
    "view": ("view", "pv", "impression", "detail", "visit", "see", "open", "read", "watch", "play", "listen"),
}
MOST_EVENTS = 30  # different values of a column that holds kinds of events
NAMED = ("user", "item", "time", "event", "session", "price", "quantity", "rating")


def suggestion(path: Path, command: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The end of an error: what the columns look like, and the command that reads them so; empty without a guess."""
    if len(names) < 3:
        return ""
    if any(map(_is_time, names)):  # there is no header
        rows, names = [list(names), *rows], [str(n + 1) for n in range(len(names))]
    columns = [[row[n].strip().strip('"') for row in rows if len(row) == len(names)] for n in range(len(names))]
    found = guessed(names, columns)
    if not {"user", "item", "time"} <= set(found):
        missing = [role for role in ("user", "item", "time") if role not in found]
        looks = ", ".join(f"{role}={names[n]}" for role, n in found.items())
        return f"; no column looks like {' or '.join(missing)}" + (f" ({looks} does)" if looks else "")
    pairs = ",".join(f"{role}={names[found[role]]}" for role in NAMED if role in found)
    text = f"headwater {command} {shlex.quote(str(path))} --columns {shlex.quote(pairs)}"
    if "event" in found:
        values = Counter(columns[found["event"]])
        known = {value: meaning(value) for value in values if value and value not in MEANINGS}
        if known:
            text += f" --events {shlex.quote(','.join(f'{value}={kind}' for value, kind in known.items()))}"
    return f"; it looks like: {text}"


def guessed(names: Sequence[str], columns: Sequence[Sequence[str]]) -> dict[str, int]:
    """The likeliest column of each role, by its name, then by its content.

    >>> guessed(["when", "who", "what"], [["2024-01-01"], ["7"], ["9"]])
    {'time': 0, 'user': 1, 'item': 2}
    >>> guessed(["a", "b", "c"], [["u1", "u1", "u2"], ["i1", "i2", "i3"], ["1700000000", "1700000001", "1700000002"]])
    {'time': 2, 'user': 0, 'item': 1}
    """
    found: dict[str, int] = {}
    plain = [plain_name(name) for name in names]
    for role, words in WORDS.items():
        fits = {"time": _are_times, "event": _are_kinds, "price": _are_numbers, "quantity": _are_numbers,
                "rating": _are_numbers}.get(role, lambda _: True)  # fmt: skip
        scored = [
            (rank, n) for n, name in enumerate(plain) if n not in found.values()
            for rank, word in enumerate(words)
            if (word in name if len(word) > 3 else name.startswith(word) or name.endswith(word)) and fits(columns[n])
        ]  # fmt: skip
        if scored:
            found[role] = min(scored)[1]
    rest = [n for n in range(len(names)) if n not in found.values()]
    if "time" not in found:
        _take(found, "time", [n for n in rest if _are_times(columns[n])], rest)
    if "event" not in found:
        _take(found, "event", [n for n in rest if _are_kinds(columns[n]) and all(map(_means, columns[n]))], rest)
    ids = sorted((n for n in rest if not _are_stars(columns[n])), key=lambda n: len(set(columns[n])))
    for role in ("user", "item"):  # fewer users than items act in a small piece of a log
        if role not in found:
            _take(found, role, ids, rest)
            ids = [n for n in ids if n in rest]
    if "event" not in found:
        _take(found, "event", [n for n in rest if _are_kinds(columns[n]) and any(map(_means, columns[n]))], rest)
    return found


def _take(found: dict[str, int], role: str, wanted: list[int], rest: list[int]) -> None:
    if wanted:
        found[role] = wanted[0]
        rest.remove(wanted[0])


def _means(value: str) -> bool:
    return meaning(value) != SKIP


def meaning(value: str) -> str:
    """The event that a value seems to stand for.

    >>> meaning("add_to_cart"), meaning("page_view"), meaning("order placed"), meaning("logout")
    ('click', 'view', 'purchase', 'skip')
    """
    text = value.casefold()
    if "remove" in text or "refund" in text or "cancel" in text:
        return SKIP
    return next((kind for kind, words in MEANINGS.items() if any(word in text for word in words)), SKIP)


def _is_time(text: str) -> bool:
    unit = unit_of([text], "date")
    if unit == "s" and (not text.strip().isdigit() or int(text) < 1e8):
        return False
    try:
        clock(unit)(text)
    except ValueError:
        return False
    return True


def _are_times(values: Sequence[str]) -> bool:
    filled = [value for value in values if value][:50]
    return bool(filled) and sum(map(_is_time, filled)) > len(filled) / 2


def _are_kinds(values: Sequence[str]) -> bool:
    kinds = {value for value in values if value}
    return 0 < len(kinds) <= MOST_EVENTS and not _are_numbers(values)


def _are_numbers(values: Sequence[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(value.replace(".", "", 1).replace(",", "", 1).isdigit() for value in filled[:50])


def _are_stars(values: Sequence[str]) -> bool:
    return any("." in value for value in values) and _are_numbers(values)
