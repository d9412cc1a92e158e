"""Merchandising rules: from a file to masks, boosts, caps and pins, applied before a slate is drawn."""
