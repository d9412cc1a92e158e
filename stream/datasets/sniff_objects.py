"""What layout objects have, of JSON or of the rows of a parquet file, by the first of them."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stream.datasets.how import OWN, SAMPLED, Form, How, Plan, complete
from stream.datasets.layouts import Layout, marked, unit_of
from stream.datasets.objects import Object, decoded, field, resolve, unfolded
from stream.datasets.raw.bad import FormatError
from stream.datasets.ready import FORMATS, READY
from stream.datasets.suggest import suggestion


def readable(texts: Iterable[str]) -> Iterator[Object]:
    """The objects among the first lines."""
    for text in list(texts)[:SAMPLED]:
        try:
            value = decoded(text)
        except ValueError:
            continue
        if isinstance(value, Mapping):
            yield value


def plan_of_objects(path: Path, how: How, form: Form, objects: list[Object], data: bytes) -> Plan:
    """Find out how to read objects, by the first of them."""
    name, layout = _layout_of(path, how, form, objects, data)
    columns = {role: tuple(_spelled(each, objects) for each in names) for role, names in layout.columns.items()}
    layout = layout._replace(columns=columns)
    if name == OWN:
        layout = layout._replace(each=tuple(_lists(columns, objects)))
        complete(
            path,
            {role: "" for role, names in columns.items() if _values(layout, role, objects)},
            layout,
            _keys(objects),
        )
    times = _values(layout, "time", objects)
    unit = layout.unit or unit_of(times, columns["time"][0] if "time" in columns else "")
    return Plan(
        name, layout, form, "utf-8", data, unit,
        "event" in layout.constants or bool(_values(layout, "event", objects)),
    )  # fmt: skip


def _layout_of(path: Path, how: How, form: Form, objects: list[Object], data: bytes) -> tuple[str, Layout]:
    own = how.own()
    if own is not None:
        return OWN, own
    keys = [{marked(key) for key in each} for each in objects]
    for name, layout in how.candidates("csv" if form != "parquet" else "jsonl"):
        if layout.header and any(
            all(any(marked(one) in key for one in mark.split("|")) for mark in layout.marks) for key in keys
        ):
            return name, how.applied(layout)
    if how.format is not None:
        return how.format, how.applied(READY[how.format][0])
    if not objects:
        raise FormatError(
            f"{path} line 1: no JSON object can be read; there must be one a line, or an array of them; got "
            f"{data[:80].decode('utf-8', 'replace')!r}{_why(data)}"
        )
    names = list(_keys(objects))
    raise FormatError(
        f"{path} line 1: is no known format: {'parquet' if form == 'parquet' else 'JSON'} with "
        f"{', '.join(names)[:200]}; must have user_id, item_id, timestamp and, if known, type; or name one of "
        f"{', '.join(FORMATS)} with --format, or the columns"
        + suggestion(path, how.command, names, [[_shown(each, name) for name in names] for each in objects[:200]])
    )


def _why(data: bytes) -> str:
    """What is wrong with the first line, if it is JSON nearly."""
    line = data.decode("utf-8", "replace").lstrip("\ufeff\x1e[ \t\r\n").partition("\n")[0].strip().removesuffix(",")
    try:
        if line.startswith("{"):
            decoded(line)
    except ValueError as error:
        return f"; {str(error).partition('; got ')[0]}"
    return ""


def _shown(value: Object, path: str) -> str:
    return field(unfolded(value, [path.rpartition(".")[0]])[0], [path]) if "." in path else str(value.get(path, ""))


def _keys(objects: list[Object]) -> list[str]:
    """Paths of everything in the first objects, through lists."""
    found: dict[str, None] = {}

    def walk(value: object, path: str, depth: int) -> None:
        if isinstance(value, Mapping) and depth < 4:
            for key, held in value.items():
                walk(held, f"{path}.{key}" if path else str(key), depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            walk(value[0], path, depth)
        elif path:
            found[path] = None

    for each in objects[:20]:
        walk(each, "", 0)
    return list(found)


def _spelled(path: str, objects: list[Object]) -> str:
    """The key that is meant, as the objects spell it."""
    keys = {key: None for each in objects for key in each}
    if "." in path or path in keys:
        return path
    return next((key for key in keys if marked(key) == marked(path)), path)


def _lists(columns: Mapping[str, tuple[str, ...]], objects: list[Object]) -> Iterator[str]:
    """Paths of lists of objects that the columns' paths lead through."""
    found: dict[str, None] = {}
    for paths in columns.values():
        for path in paths:
            parts = path.split(".")
            for end in range(1, len(parts)):
                prefix = ".".join(parts[:end])
                held = [resolve(each, prefix) for each in objects]
                if any(isinstance(each, list) and each and "key" not in each[0] for each in held):
                    found[prefix] = None
    yield from found


def _values(layout: Layout, role: str, objects: list[Object]) -> list[str]:
    """What stands in the columns of a role."""
    found = []
    for each in objects:
        for one in unfolded(each, layout.each)[:1]:
            try:
                found.append(field(one, layout.columns.get(role, ())))
            except ValueError:
                continue
    return [text for text in found if text]
