"""Metrics of a gateway: requests by route and status, gauges read when scraped."""

from prometheus_client.parser import text_string_to_metric_families

from stream.metrics.gateway import GatewayMetrics


def samples(metrics: GatewayMetrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_method_route_and_status_and_streams_have_no_duration() -> None:
    metrics = GatewayMetrics(
        dict.fromkeys(("slates", "items", "listeners", "waiting", "held_bytes", "evicted", "ready"), float)
    )
    metrics.count("/v1/events", "POST", 202, 0.004)
    metrics.count("/v1/stream", "GET", 200, 90.0)
    metrics.limited.inc()
    metrics.unreadable("recommendations", 3)
    found = samples(metrics)
    assert found["headwater_gateway_requests_total", "POST", "/v1/events", "202"] == 1
    assert found["headwater_gateway_requests_total", "GET", "/v1/stream", "200"] == 1
    assert found["headwater_gateway_request_seconds_count", "/v1/events"] == 1
    assert ("headwater_gateway_request_seconds_count", "/v1/stream") not in found
    assert found[("headwater_gateway_limited_total",)] == 1
    assert found["headwater_gateway_unreadable_total", "recommendations"] == 3
    assert found["headwater_gateway_unreadable_total", "events.view"] == 0, "there from the start"


def test_gauges_are_read_when_they_are_scraped() -> None:
    held = [3.0]
    metrics = GatewayMetrics(
        {
            "slates": lambda: held[0],
            "items": float,
            "listeners": float,
            "waiting": float,
            "held_bytes": float,
            "evicted": float,
            "ready": lambda: True,
        }
    )
    assert samples(metrics)[("headwater_gateway_slates",)] == 3
    held[0] = 4.0
    assert samples(metrics)[("headwater_gateway_slates",)] == 4
    assert samples(metrics)[("headwater_gateway_ready",)] == 1
