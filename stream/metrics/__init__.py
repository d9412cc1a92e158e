"""Prometheus and Grafana: every metric is declared here, and the dashboards are made from code."""
