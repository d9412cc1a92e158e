"""Kernels are there before the first event: compiled once, in child processes that end, and loaded by all others."""
