"""Whatever docker-compose.yml and the Prometheus settings refer to is there: files, commands, settings, ports."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
import yaml

from stream.cli import cli
from stream.config import Config, load
from stream.metrics.dashboards import SOURCE
from stream.serving.access import check

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "headwater"}
STARTED = {"condition": "service_started"}
KAFKA = SERVICES["kafka"]["environment"]


def settings(name: str) -> Config:
    return load(None, SERVICES[name]["environment"])


def mounts(service: Any) -> list[tuple[str, str]]:
    """Pairs of a source and the place where it is mounted."""
    return [tuple(volume.split(":")[:2]) for volume in service.get("volumes", [])]


def listeners(text: str) -> dict[str, tuple[str, int]]:
    """Host and port by the name of the listener."""
    found = {}
    for entry in text.split(","):
        name, address = entry.split("://")
        host, port = address.rsplit(":", 1)
        found[name] = (host, int(port))
    return found


def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def compose_command() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run([*command, "version"]).returncode == 0:
            return command
    return None


def test_compose_takes_the_file() -> None:
    command = compose_command()
    if command is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is installed")
    done = run([*command, "config", "--quiet"])
    assert (done.returncode, done.stderr) == (0, "")


def test_promtool_takes_the_settings() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = run(["promtool", "check", "config", "deploy/prometheus/prometheus.yml"])
    assert done.returncode == 0, done.stderr


def test_the_services() -> None:
    assert {"kafka", "topics", "worker", "gateway", "replay", "prometheus", "grafana"} <= SERVICES.keys()
    assert {"topics", "worker", "gateway", "replay", "shoppers"} <= OURS.keys()
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", OURS)
def test_command_exists_and_takes_its_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    subcommand, *arguments = SERVICES[name]["command"]
    for source, target in mounts(SERVICES[name]):
        arguments = [argument.replace(target, source) for argument in arguments]
    command = cli.get_command(click.Context(cli), subcommand)
    assert command is not None, f"there is no `headwater {subcommand}`"
    with command.make_context(subcommand, list(arguments)) as context:
        assert context.command is command
    for argument in arguments:
        assert not argument.startswith("/"), f"{argument} is not mounted"
        assert not argument.startswith("./") or Path(argument).exists(), f"{argument} is missing"


@pytest.mark.parametrize("name", OURS)
def test_build_and_environment(name: str) -> None:
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    host, port = settings(name).kafka.broker.split(":")
    assert host in SERVICES
    assert (host, int(port)) in listeners(KAFKA["KAFKA_ADVERTISED_LISTENERS"]).values()


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to(name: str) -> None:
    service = SERVICES[name]
    for source, _ in mounts(service):
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    needed = service.get("depends_on", {})
    for other, how in (needed if isinstance(needed, dict) else dict.fromkeys(needed, STARTED)).items():
        assert other in SERVICES
        assert how["condition"] in ("service_started", "service_healthy", "service_completed_successfully")
        if how["condition"] == "service_healthy":
            image_has_one = "HEALTHCHECK" in (ROOT / "deploy" / "Dockerfile").read_text()
            assert "test" in SERVICES[other].get("healthcheck", {}) or (other in OURS and image_has_one)
        elif how["condition"] == "service_completed_successfully":
            assert "restart" not in SERVICES[other], "a job that is restarted never completes"
    assert all(not isinstance(value, bool | int) for value in service.get("environment", {}).values())


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        address, published, inside = port.split(":")
        assert (address, published) == ("127.0.0.1", inside)


def test_published_ports_are_those_that_listen() -> None:
    published = {name: [int(port.split(":")[2]) for port in SERVICES[name].get("ports", [])] for name in SERVICES}
    assert settings("worker").worker.host == "0.0.0.0"
    check(settings("worker").worker)
    assert "ports" not in SERVICES["worker"], "without a token they are for the other services alone"
    gateway = settings("gateway").gateway
    assert (published["gateway"], gateway.host) == ([gateway.port], "0.0.0.0")
    assert gateway.workers == f"http://worker:{settings('worker').worker.port}"
    outside = [port for host, port in listeners(KAFKA["KAFKA_ADVERTISED_LISTENERS"]).values() if host == "127.0.0.1"]
    assert published["kafka"] == outside
    assert (published["prometheus"], published["grafana"]) == ([9090], [3000])


def test_kafka_hangs_together() -> None:
    listen, advertised = listeners(KAFKA["KAFKA_LISTENERS"]), listeners(KAFKA["KAFKA_ADVERTISED_LISTENERS"])
    assert {name: port for name, (_, port) in listen.items() if name != "CONTROLLER"} == {
        name: port for name, (_, port) in advertised.items()
    }
    protocols = dict(entry.split(":") for entry in KAFKA["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols.keys() == listen.keys()
    assert KAFKA["KAFKA_INTER_BROKER_LISTENER_NAME"] in advertised
    assert KAFKA["KAFKA_CONTROLLER_QUORUM_VOTERS"] == f"{KAFKA['KAFKA_NODE_ID']}@kafka:{listen['CONTROLLER'][1]}"
    assert int(SERVICES["kafka"]["healthcheck"]["test"][-1]) in {port for _, port in listen.values()}
    assert KAFKA["KAFKA_LOG_DIRS"] in [target for _, target in mounts(SERVICES["kafka"])]


def test_kafka_is_the_one_that_is_tested() -> None:
    pom = ET.parse(ROOT / "deploy" / "kafka" / "pom.xml")
    version = pom.findtext(".//{*}kafka.version")
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


def test_prometheus_scrapes_the_worker() -> None:
    (source,) = (source for source, target in mounts(SERVICES["prometheus"]) if target == "/etc/prometheus")
    scraping = yaml.safe_load((ROOT / source / "prometheus.yml").read_text("utf-8"))
    assert scraping["global"]["scrape_interval"] == "5s"
    worker, gateway = scraping["scrape_configs"]
    (found,) = worker["dns_sd_configs"]
    assert (found["names"], found["port"]) == (["worker"], settings("worker").worker.port)
    assert gateway["static_configs"] == [{"targets": [f"gateway:{settings('gateway').gateway.port}"]}]
    assert [(ROOT / source / name).is_file() for name in scraping["rule_files"]] == [True]


def test_grafana_finds_boards_and_prometheus() -> None:
    places = {target: ROOT / source for source, target in mounts(SERVICES["grafana"])}
    provisioning = places["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "headwater.yml").read_text())["providers"]
    assert list(places[provider["options"]["path"]].glob("*.json"))
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["uid"], source["url"]) == (SOURCE["uid"], "http://prometheus:9090")
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (places[str(Path(home).parent)] / Path(home).name).is_file()
