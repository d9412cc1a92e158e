"""Errors that a user or a supervisor can act on: each class has its exit code.

| code | meaning |
| ---: | --- |
| 0 | fine |
| 1 | a check failed, or the requested thing does not exist |
| 2 | the command line, the configuration or an input file is wrong |
| 3 | the broker cannot be reached |
| 4 | topics are missing or are not as they must be |
| 130 | ended by Ctrl-C |
"""

INTERRUPTED = 130


class HeadwaterError(RuntimeError):
    """Base of all; the message is one line that says where, what must hold, what came and what to do.

    >>> TopicError("topic events.view: is missing").exit_code
    4
    """

    exit_code = 1
    retriable = False  # whether the same thing may work later without a change


class CheckError(HeadwaterError):
    """A check failed, or the requested thing does not exist."""


class UsageError(HeadwaterError):
    """The command line, the configuration or an input file cannot be used."""

    exit_code = 2


class BrokerError(HeadwaterError):
    """No broker answers at the given address."""

    exit_code = 3
    retriable = True


class TopicError(HeadwaterError):
    """Topics are missing, or have other partitions than they must have."""

    exit_code = 4
