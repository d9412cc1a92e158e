"""The manifests fit the published schemas, and what they refer to is there: settings, secrets, ports, labels."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from stream.cli import COMMANDS
from stream.config import Config, load
from stream.metrics.worker import PrometheusObserver
from stream.serving.access import check
from stream.worker.worker import DRAIN_TIMEOUT_S, REVOKE_TIMEOUT_S
from tests.kafka.test_secure import permissions

DIRECTORY = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.31", "1.34", "1.37")
FILES = sorted(path for path in DIRECTORY.glob("*.yaml") if path.name != "kustomization.yaml")
DOCUMENTS: list[Any] = [document for path in FILES for document in yaml.safe_load_all(path.read_text("utf-8"))]
ROOTS = {"Deployment", "StatefulSet", "Job"}


def named(kind: str, name: str) -> Any:
    (found,) = (each for each in DOCUMENTS if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def pods() -> Iterator[tuple[str, Any]]:
    """Name and template of everything that runs."""
    for document in DOCUMENTS:
        if document["kind"] in ROOTS:
            yield document["metadata"]["name"], document["spec"]["template"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_fits_the_published_schema(document: Any, version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_does_not_fit() -> None:
    wrong = {**named("StatefulSet", "headwater-worker"), "spec": {"replicas": "two"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_all_but_the_example_are_applied_to_one_namespace() -> None:
    listed = yaml.safe_load((DIRECTORY / "kustomization.yaml").read_text("utf-8"))
    assert sorted(listed["resources"]) == [path.name for path in FILES if path.name != "secret.example.yaml"]
    spaces = {each["metadata"].get("namespace") for each in DOCUMENTS if each["kind"] != "Namespace"}
    assert spaces == {listed["namespace"]}
    version = re.search(r'^version = "(.*)"$', (DIRECTORY.parents[1] / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert listed["images"] == [{"name": "headwater", "newTag": version[1]}]


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_settings_and_secrets_exist(name: str, pod: Any) -> None:
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "headwater"
    assert container["args"][0] in COMMANDS
    secret = named("Secret", "headwater-kafka")["stringData"]
    environment = dict(named("ConfigMap", "headwater")["data"])
    for variable in container["env"]:
        source = variable["valueFrom"]
        key = source["secretKeyRef"]["key"] if "secretKeyRef" in source else None
        environment[variable["name"]] = "pod-0" if key is None else secret[key]
    config = load(None, environment)  # unknown names and values that cannot be used raise
    assert config.kafka.sasl_username == container["args"][0]
    assert f"User:{config.kafka.sasl_username}" in {acl.principal for acl in permissions()}
    (volume,) = pod["spec"]["volumes"]
    assert all(item["key"] in secret for item in volume["secret"]["items"])
    assert (
        config.kafka.ssl_cafile == f"{container['volumeMounts'][0]['mountPath']}/{volume['secret']['items'][0]['path']}"
    )
    assert (config.kafka.instance_id == "pod-0") == (name == "headwater-worker")


def test_the_workers_pages_ask_for_a_token_that_the_gateway_has() -> None:
    found = {}
    for name, pod in pods():
        environment = {each["name"]: each["valueFrom"] for each in pod["spec"]["containers"][0]["env"]}
        found[name] = environment.get("HEADWATER_WORKER_TOKEN", {}).get("secretKeyRef", {}).get("key")
    assert found == {
        "headwater-topics": None, "headwater-worker": "worker-token", "headwater-gateway": "worker-token",
    }  # fmt: skip
    token = named("Secret", "headwater-kafka")["stringData"]["worker-token"]
    settings = named("ConfigMap", "headwater")["data"] | {"HEADWATER_WORKER_TOKEN": token}
    config = load(None, settings)
    assert config.worker.host == "0.0.0.0"
    check(config.worker)


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_nobody_is_root(name: str, pod: Any) -> None:
    (container,) = pod["spec"]["containers"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"], name
    assert f"--uid {pod['spec']['securityContext']['runAsUser']} " in (DIRECTORY.parent / "Dockerfile").read_text()
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["resources"]["limits"]["memory"]


def test_ports_are_those_of_the_processes() -> None:
    ports = {"worker": Config().worker.port, "gateway": Config().gateway.port}
    templates = dict(pods())
    for name, port in ports.items():
        template = templates[f"headwater-{name}"]
        (opened,) = template["spec"]["containers"][0]["ports"]
        assert opened["containerPort"] == port
        assert template["metadata"]["annotations"]["prometheus.io/port"] == str(port)
        (let_in,) = named("NetworkPolicy", f"headwater-{name}")["spec"]["ingress"]
        assert let_in["ports"][0]["port"] == port
    (service,) = named("Service", "headwater-worker")["spec"]["ports"]
    settings = named("ConfigMap", "headwater")["data"]
    assert settings["HEADWATER_GATEWAY_WORKERS"] == f"http://headwater-worker:{service['port']}"
    kafka = named("NetworkPolicy", "headwater")["spec"]["egress"][1]
    host, port = settings["HEADWATER_BROKER"].split(":")
    assert kafka["ports"][0]["port"] == int(port)
    assert host.split(".")[1] in str(kafka["to"])


def test_selectors_find_their_pods() -> None:
    labels = [template["metadata"]["labels"] for _, template in pods()]
    for document in DOCUMENTS:
        if document["kind"] == "Service":
            assert document["spec"]["selector"] in labels
        if document["kind"] in {"PodDisruptionBudget", "Deployment", "StatefulSet"}:
            assert document["spec"]["selector"]["matchLabels"] in labels
        if document["kind"] == "NetworkPolicy" and document["spec"]["podSelector"]:
            assert document["spec"]["podSelector"]["matchLabels"] in labels


def test_the_grace_outlasts_an_orderly_end() -> None:
    grace = named("StatefulSet", "headwater-worker")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > REVOKE_TIMEOUT_S + 3 * DRAIN_TIMEOUT_S  # what is under way, then writer and replica


def test_scaling_asks_for_a_series_that_exists_and_stays_within_the_partitions() -> None:
    spec = named("HorizontalPodAutoscaler", "headwater-worker")["spec"]
    assert spec["maxReplicas"] <= int(named("ConfigMap", "headwater")["data"]["HEADWATER_KAFKA_PARTITIONS"])
    observer = PrometheusObserver(("ranked",))
    observer.lag.labels("events.view", 0).set(0)
    assert spec["metrics"][0]["external"]["metric"]["name"] in observer.render().decode()
