"""Faults on purpose, and the audit that every event happened exactly once."""
