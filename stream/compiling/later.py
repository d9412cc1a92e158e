"""What any experiment may need is compiled while the worker serves, and an experiment that begins waits for it."""

import asyncio
import logging
import os
import threading

from stream.compiling import record
from stream.compiling.children import Compilation
from stream.config import Config
from stream.kernels.place import LOCATORS

log = logging.getLogger(__name__)


class Later:
    """The kernels that a worker does not serve with yet: other policies, rules, shadows.

    One process of a machine compiles them, in one child of the lowest priority; the others wait for their turn and find
    them. Where an experiment waits, two children of the usual priority take over. If that fails, an experiment compiles
    what it needs when it begins, in the process that serves.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._there = asyncio.Event()
        self._hurry = False

    @property
    def there(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._there.is_set()

    def start(self) -> None:
        """Look what is missing, and have it compiled; called in the event loop, and returns at once."""
        here = os.environ.get(LOCATORS)  # nothing can be written: `prepare` has compiled all in this process
        if here or record.complete(record.key(self._config, whole=True)):
            self._there.set()
            return
        # A daemon: the end of the process waits for no compiler, and the child ends with the process.
        threading.Thread(
            target=self._run, args=[asyncio.get_running_loop()], name="kernels of experiments", daemon=True
        ).start()

    async def wait(self) -> None:
        """Return when an experiment can begin, which is urgent."""
        self._hurry = True
        await self._there.wait()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            with record.turn(self._hurries):
                self._compile()
        except OSError as error:  # no lock, no process: an experiment compiles for itself
            log.warning("compiling the kernels of experiments: %s", error)
        finally:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._there.set)

    def _hurries(self) -> bool:
        return self._hurry

    def _compile(self) -> None:
        if not self._hurry:
            with Compilation(self._config, whole=True, beside=True) as compilation:
                if compilation.wait(log.info, self._hurries) or not self._hurry:
                    return
        with Compilation(self._config, whole=True) as compilation:
            compilation.wait(log.info)
