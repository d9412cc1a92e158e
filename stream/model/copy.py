"""A model at one log offset, apart from the one that goes on: what snapshots hold and fingerprints compare."""

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from stream.state.snapshot import ForeignSnapshotError, sliced


class Part(Protocol):
    """Something that learns and can be copied."""

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays that are the whole state, in a fixed order."""

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Continue from a copy of them."""


class ModelCopy(NamedTuple):
    """The state of a model at one log offset."""

    offset: int  # of the next log message to fold
    skipped: int
    acceptance: bytes
    parts: dict[str, dict[str, NDArray[Any]]]

    def fingerprint(self) -> str:
        """Digest of all that was learned."""
        digest = blake2b(self.acceptance, digest_size=16)
        for name, part in self.parts.items():
            digest.update(name.encode())
            for key, array in part.items():
                digest.update(key.encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def widened(self, names: Sequence[str]) -> Self:
        """If it is from before the last feature of `names`: the same, with weights of 0 for it."""
        mixer, last = self.parts.get("mixer", {}), len(names) - 1
        if "linear" not in mixer or mixer["linear"].shape[1] != last:
            return self
        wider = {
            name: np.insert(mixer[name], last, 0, axis=1) for name in ("linear", "hidden")
        }  # here the bias is last
        return self._replace(parts={**self.parts, "mixer": {**mixer, **wider}})

    def fitted(self, parts: Mapping[str, Part], later: Sequence[str], prefix: str) -> Self:
        """The same for a model that has parts which it lacks: these begin as they are now.

        Parameters
        ----------
        later : names of parts that copies from before do not have
        prefix : of the names of parts that belong to one placement, which come and go
        """
        kept = {name: part for name, part in self.parts.items() if name in parts or not name.startswith(prefix)}
        new = {
            name: dict(part.state())
            for name, part in parts.items()
            if name not in kept and (name in later or name.startswith(prefix))
        }
        found, same_order = kept | new, [name for name in parts if name in kept] == list(kept)
        return self._replace(parts={name: found[name] for name in (parts if same_order else found) if name in found})

    def restore(self, parts: Mapping[str, Part]) -> None:
        """Restore the parts of a model.

        Raises
        ------
        ForeignSnapshotError
            if the copy is of a model with other parts, as another configuration makes
        """
        if list(parts) != list(self.parts):
            raise ForeignSnapshotError(
                f"snapshot of the model: must hold {', '.join(parts)}; got {', '.join(self.parts)}: start the worker "
                "with the configuration that made it, or with another namespace"
            )
        for name, part in parts.items():
            try:
                part.restore(self.parts[name])
            except (KeyError, ValueError, TypeError) as error:
                raise ForeignSnapshotError(
                    f"snapshot of the model: {name} does not fit the configuration ({error}): start the worker with "
                    "the configuration that made it, or with another namespace"
                ) from error

    def encode(self) -> list[bytes]:
        """Chunks of a snapshot: a header, then the bytes of all arrays."""
        arrays = [(name, key, array) for name, part in self.parts.items() for key, array in part.items()]
        header = Header(
            self.offset, self.skipped, self.acceptance, list(self.parts),
            [(name, key, array.dtype.str, array.shape) for name, key, array in arrays],
        )  # fmt: skip
        return [msgspec.msgpack.encode(header), *sliced(b"".join(array.tobytes() for _, _, array in arrays))]

    @classmethod
    def decode(cls, chunks: Sequence[bytes]) -> Self:
        """Read what `encode` wrote."""
        header = msgspec.msgpack.decode(chunks[0], type=Header)
        data, start = b"".join(chunks[1:]), 0
        found: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in header.parts}
        for name, key, kind, shape in header.arrays:
            size = math.prod(shape) * np.dtype(kind).itemsize
            found[name][key] = np.ndarray(shape, kind, data[start : start + size])
            start += size
        return cls(header.offset, header.skipped, header.acceptance, found)


class Header(Struct, frozen=True, array_like=True):
    """First chunk of a snapshot of the model."""

    offset: int
    skipped: int
    acceptance: bytes
    parts: list[str]
    arrays: list[tuple[str, str, str, tuple[int, ...]]]  # part, key, type, shape
