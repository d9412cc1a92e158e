"""Slates made when they are asked for: what is sent to the user's worker, and who waits for its answer."""
