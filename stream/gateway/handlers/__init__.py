"""Handlers of requests that change the catalogue and users, probes, and what all handlers find in the application."""
