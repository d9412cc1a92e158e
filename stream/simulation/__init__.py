"""Shoppers with known tastes, to compare policies alone or in the whole engine."""
