"""Measures of lists and of probabilities, with intervals and tests of differences."""
