"""Prometheus metrics in groups by subject, Grafana's dashboards, and a filter for repeated log lines."""
