"""Where the jars of Apache Kafka are: copied by Maven, once, into the user's cache."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stream.errors import BrokerError

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "kafka"
POM = DEPLOY / "pom.xml"
JAVA_AT_LEAST = 17  # what Kafka 4 brokers ask for
RESOLVE_TIMEOUT_S = 900.0  # 54 MB of jars, through a slow line


class BrokerUnavailableError(BrokerError):
    """The development broker cannot run; the message names what is missing and what to do."""

    retriable = False


def cache_dir() -> Path:
    """Directory of headwater in the user's cache: `$XDG_CACHE_HOME/headwater` or `~/.cache/headwater`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headwater"


def kafka_home() -> Path:
    """Directory of the jars that this pom asks for, whether they are there yet or not."""
    if not POM.is_file():
        raise BrokerUnavailableError(
            f"{POM} is missing: the development broker runs from a checkout of headwater (`pip install --editable .`); "
            "elsewhere, start Kafka with docker compose or name your own cluster"
        )
    return cache_dir() / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def find_java() -> str:
    """Path of a Java that can run Kafka: `$JAVA_HOME/bin/java`, else the first in the path."""
    home = os.environ.get("JAVA_HOME")
    java = (home and shutil.which("java", path=f"{home}/bin")) or shutil.which("java")
    if java is None:
        raise BrokerUnavailableError(f"no `java` found: install Java {JAVA_AT_LEAST} or newer, or set JAVA_HOME to it")
    output = run([java, "-version"], timeout_s=30).stdout
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        first = (output.splitlines() or ["nothing"])[0]
        raise BrokerUnavailableError(
            f"Kafka needs Java {JAVA_AT_LEAST} or newer, but {java} says {first!r}: install one, or set JAVA_HOME to it"
        )
    return java


def find_maven() -> str:
    """Path of Maven, which is only needed until the jars are in the cache."""
    if (maven := shutil.which("mvn")) is None:
        raise BrokerUnavailableError(f"no jars in {kafka_home()} and no `mvn` to fetch them with: install Maven")
    return maven


def kafka_available() -> str | None:
    """Reason why the development broker cannot run here, or None; nothing is downloaded or started."""
    try:
        find_java()
        if not kafka_home().is_dir():
            find_maven()
    except BrokerUnavailableError as error:
        return str(error)
    return None


def install(prepare: Callable[[Path], None]) -> Path:
    """Return the directory of the jars, after making it if this is the first use.

    It is made aside and renamed when complete, so that a half download is never taken for a whole one; a lock lets a
    second process wait for the first.

    Parameters
    ----------
    prepare
        Called once with the new directory (jars in `libs`) before it gets its final name.
    """
    home = kafka_home()
    if home.is_dir():
        return home
    maven = find_maven()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with _locked(home.with_name(f"{home.name}.lock")):
            if not home.is_dir():
                with tempfile.TemporaryDirectory(dir=home.parent, prefix=f"{home.name}.") as scratch:
                    fresh = Path(scratch) / "kafka"
                    _copy_jars(maven, fresh / "libs")
                    prepare(fresh)
                    fresh.rename(home)
    except OSError as error:
        raise BrokerUnavailableError(
            f"cannot write the jars to {home.parent}: {error}; free the space, or set XDG_CACHE_HOME to another place"
        ) from error
    return home


def run(command: Sequence[str], timeout_s: float, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end, within `timeout_s` seconds; its output and errors together are in `stdout`."""
    return subprocess.run(  # noqa: S603 - a list, no shell, made by this package
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        cwd=cwd,
        check=False,
    )


def last_lines(text: str, count: int = 20) -> str:
    r"""End of a log.

    >>> last_lines("one\ntwo\nthree\n", 2)
    'two\nthree'
    """
    return "\n".join(text.splitlines()[-count:])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy_jars(maven: str, target: Path) -> None:
    # -U: Maven caches failed look-ups for a day.
    goal = ["-U", "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
    try:
        done = run([maven, "-q", "-B", "-f", str(POM), *goal], RESOLVE_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise BrokerUnavailableError(f"Maven did not fetch Kafka's jars within {RESOLVE_TIMEOUT_S:.0f} s") from error
    if done.returncode or not any(target.glob("kafka_*.jar")):
        raise BrokerUnavailableError(
            f"Maven could not fetch Kafka's jars (exit status {done.returncode}): check the network and the settings "
            f"of Maven, then try again; its output:\n{last_lines(done.stdout)}"
        )


if __name__ == "__main__":
    sys.exit(kafka_available())  # the reason, and 1, where Kafka cannot run
