"""A child process that ends with its parent, however the parent ends.

The child holds one end of a pipe; when the other end closes, it stops. The kernel closes that end even after `kill -9`
of the parent, and whichever thread started the child (PR_SET_PDEATHSIG follows the thread, not the process). To stop a
child and to lose its parent are thus the same path. A copy of the parent made by a bare fork keeps the pipe open.

`Supervised` is the parent's side. For commands that do not read their standard input, `supervised` puts this file
between, run as a script with the standard library alone so that it starts in milliseconds.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Supervised:
    """A child in a session of its own, which must end when its standard input closes.

    Parameters
    ----------
    command
        Program and arguments.
    log
        What takes the child's standard error: an open file, or `subprocess.DEVNULL`.
    cwd, environment
        Its working directory and environment; the parent's by default.
    """

    def __init__(
        self, command: Sequence[str], log: IO[bytes] | int, cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(  # noqa: S603 - a list, no shell, made by this package
            command, stdin=pipe, stdout=pipe, stderr=log, cwd=cwd, env=environment, bufsize=0, start_new_session=True
        )
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018 - for the type checker
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    @property
    def ended(self) -> bool:
        """Whether the child is gone."""
        return self.exit_code is not None

    @property
    def exit_code(self) -> int | None:
        """None while the child lives."""
        return self._process.poll()

    def read_line(self, timeout_s: float) -> str:
        """One line of the child's standard output; empty when it ended, or wrote nothing for `timeout_s` seconds."""
        line, deadline = b"", time.monotonic() + timeout_s
        while not line.endswith(b"\n"):
            if not select.select([self._stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return ""
            if not (byte := self._stdout.read(1)):
                return ""
            line += byte
        return line.decode().strip()

    def ask(self, line: str, timeout_s: float) -> str:
        """Send one line and return the line that answers it, or an empty one as `read_line` does."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(f"{line}\n".encode())
        return self.read_line(timeout_s)

    def wait(self, timeout_s: float) -> bool:
        """Whether the child ended within `timeout_s` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self.ended

    def close(self, timeout_s: float) -> None:
        """Close the pipe, wait up to `timeout_s` seconds, then kill whatever is left of the child's process group."""
        self._stdin.close()
        self.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdout.close()


def supervised(
    command: Sequence[str], log: IO[bytes] | int, grace_s: float, cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Supervised:  # fmt: skip
    """Run any command as a supervised child; its process id is the first line to be read, its output goes to `log`.

    At the end the command gets SIGTERM, and SIGKILL if it lives on for `grace_s` seconds. The exit code is the
    command's, or 128 + the number of the signal that ended it.
    """
    return Supervised([sys.executable, "-I", "-S", __file__, str(grace_s), *command], log, cwd, environment)


def _stop_at_end_of_pipe(process: subprocess.Popen[bytes], grace_s: float) -> None:
    # os.read: a thread inside sys.stdin would hold its lock and break the interpreter's exit.
    while os.read(0, 1024):
        continue
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()


def _main(grace_s: float, command: Sequence[str]) -> int:
    process = subprocess.Popen(  # noqa: S603 - a list, no shell, made by the parent
        command, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )
    sys.stdout.write(f"{process.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=_stop_at_end_of_pipe, args=(process, grace_s), daemon=True).start()
    code = process.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_main(float(sys.argv[1]), sys.argv[2:]))
