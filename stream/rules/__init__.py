"""Merchandising rules: from a file to masks, boosts, caps and pins that hold before anything is drawn."""
