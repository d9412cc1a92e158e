"""The jars are fetched once, whole or not at all, and what is missing is named."""

import threading
from pathlib import Path

import pytest

from stream.processes.kafka_home import BrokerUnavailableError, find_java, install, kafka_available, kafka_home

JAVA_17 = "#!/bin/sh\necho 'openjdk version \"17.0.1\" 2021-10-19' >&2\n"
JAVA_11 = "#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n"
MAVEN = """#!/bin/sh
echo run >> "$0.runs"
for argument; do case $argument in -DoutputDirectory=*) libs=${argument#*=};; esac; done
mkdir -p "$libs" && sleep 0.2 && : > "$libs/kafka_2.13-0.jar"
"""
BROKEN_MAVEN = """#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) libs=${argument#*=};; esac; done
mkdir -p "$libs" && : > "$libs/kafka_2.13-0.jar"
echo '[ERROR] no route to host'
exit 1
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a directory for stand-in programs first in the path, beside the system's tools but no Java and no Maven."""
    for name in ("bin", "tools"):
        (tmp_path / name).mkdir()
    for tool in ("sh", "mkdir", "sleep"):
        (tmp_path / "tools" / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tmp_path / 'tools'}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path / "bin"


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def ignore(home: Path) -> None:
    assert (home / "libs" / "kafka_2.13-0.jar").exists()


def test_what_is_missing_is_named_in_turn(programs: Path) -> None:
    assert "no `java` found: install Java 17" in str(kafka_available())
    write_program(programs / "java", JAVA_11)
    assert "needs Java 17 or newer" in str(kafka_available())
    assert "11.0.2" in str(kafka_available())
    write_program(programs / "java", JAVA_17)
    assert "install Maven" in str(kafka_available())
    write_program(programs / "mvn", MAVEN)
    assert kafka_available() is None
    install(ignore)
    (programs / "mvn").unlink()
    assert kafka_available() is None


def test_outside_a_checkout_the_error_says_so(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(programs / "java", JAVA_17)
    monkeypatch.setattr("stream.processes.kafka_home.POM", tmp_path / "pom.xml")
    assert "runs from a checkout of headwater" in str(kafka_available())


def test_java_home_comes_first(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_program(programs / "java", JAVA_11)
    write_program(tmp_path / "jdk" / "bin" / "java", JAVA_17)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert find_java() == str(tmp_path / "jdk" / "bin" / "java")


def test_two_at_once_fetch_once(programs: Path) -> None:
    write_program(programs / "mvn", MAVEN)
    homes: list[Path] = []
    threads = [threading.Thread(target=lambda: homes.append(install(ignore))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert homes == [kafka_home()] * 2
    assert (programs / "mvn.runs").read_text() == "run\n"
    assert [path.name for path in kafka_home().iterdir()] == ["libs"]


def test_half_a_download_is_not_kept(programs: Path) -> None:
    write_program(programs / "mvn", BROKEN_MAVEN)
    with pytest.raises(BrokerUnavailableError, match=r"exit status 1(.|\n)*no route to host"):
        install(ignore)
    assert not kafka_home().exists()
    assert [path.name for path in kafka_home().parent.iterdir()] == [f"{kafka_home().name}.lock"]


def test_failed_preparation_leaves_nothing(programs: Path) -> None:
    def fail(home: Path) -> None:
        raise BrokerUnavailableError(f"no port left, jars in {home}")

    write_program(programs / "mvn", MAVEN)
    with pytest.raises(BrokerUnavailableError, match="no port left"):
        install(fail)
    assert not kafka_home().exists()
