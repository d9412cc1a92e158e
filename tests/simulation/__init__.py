"""Whole clusters of real workers in one process, without Kafka and without waiting: time and faults are made up.

A *schedule* (`schedule.py`) is a list of input records and faults, drawn from a seed. `run.py` plays it: `kafka.py`
stands in for the brokers, `members.py` for Faust, `clock.py` for time and for processes that crash or are stopped.
`invariants.py` checks every record that is appended. The same schedule always gives the same trace.
"""
