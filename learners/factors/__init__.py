"""Embeddings and factors: users and items as points, learned from one event at a time."""
