"""Addresses that no parallel test uses, and connections to them.

Most tests let the daemon listen on port 0 and read from its log where that
is. A test that must know before reserves an address.
"""

import os
import socket

from banter import wait

_reserved = []			# sockets that hold ports, until we end


def _own_loopback():
    """An address of 127/8 that other test programs do not use."""
    pid = os.getpid()
    return "127.%d.%d.%d" % (64 + pid // 65536 % 64, pid // 256 % 256,
                             1 + pid % 254)


def reserve_address(host=None):
    """An ADDR:PORT of loopback for a daemon to listen on.

    It stays ours: a socket holds the port until the program ends. As it does
    not listen, who connects is refused until the daemon does; and as both say
    SO_REUSEADDR, the daemon may.
    """
    host = host or _own_loopback()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((host, 0))
    _reserved.append(holder)
    return ("[%s]:%d" if ":" in host else "%s:%d") % holder.getsockname()[:2]


def both_families():
    """A socket that listens for IPv4 and IPv6 alike; its port is the second
    of its name's fields. IPv4 comes as ::ffff:a.b.c.d."""
    sock = socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", 0))
    sock.listen(100)
    return sock


def split_address(address):
    """ADDR:PORT, [ADDR]:PORT or a path, as family and socket address."""
    if address.startswith("/"):
        return socket.AF_UNIX, address
    host, port = address.rsplit(":", 1)
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


def with_link(where):
    """The socket address of (HOST, PORT), where HOST may be fe80::1%eth0."""
    if "%" not in where[0]:
        return where
    return socket.getaddrinfo(*where, flags=socket.AI_NUMERICHOST)[0][4]


def dial(address, source=None, rcvbuf=None):
    """A connected socket."""
    family, where = split_address(address)
    if where[0] == "0.0.0.0":
        where = ("127.0.0.1", where[1])
    if where[0] == "::":
        where = ("::1", where[1])
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(wait.DEADLINE)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            sock.bind(with_link((source, 0)))
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(where if family == socket.AF_UNIX
                     else with_link(where))
    except OSError:
        sock.close()
        raise
    return sock


def refused(address):
    """True if nobody listens there."""
    try:
        dial(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except ConnectionResetError:
        pass
    return False
