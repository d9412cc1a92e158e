"""The port of a server, looked at before it starts: a port in use is one line, not the end of a long start."""

import socket

from stream.errors import UsageError


def check_free(name: str, host: str, port: int) -> None:
    """Check that a server can listen there; port 0 is always free.

    Parameters
    ----------
    name : of the section of the settings

    Raises
    ------
    UsageError
        if something else listens there, or the address is not one of this machine
    """
    try:
        infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in infos:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers bind
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
                probe.listen(1)
    except OSError as error:
        raise UsageError(
            f"{name}: cannot listen on {host}:{port}: {error.strerror or error}; stop what listens there, or choose "
            f"another with --port or HEADWATER_{name.upper()}_PORT"
        ) from error
