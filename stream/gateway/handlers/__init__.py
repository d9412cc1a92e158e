"""Handlers of requests that change the catalogue and users, and what all handlers find in the application."""
