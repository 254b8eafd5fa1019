"""A socket as the peer sees it: three ways to end it, two to read it."""

import socket
import struct

from banter.address import dial

CHUNK = 1 << 16		# bytes of one read


class Connection:
    """A connected socket."""

    def __init__(self, address, source=None, rcvbuf=None):
        self.sock = dial(address, source, rcvbuf)

    def half_close(self):
        """Sends no more, but reads on."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        """Just closes; if something was not read, the server sees a reset."""
        self.sock.close()

    def reset(self):
        """Breaks the connection off, as a crashed peer does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


class Reader(Connection):
    """One of many that are read without waiting: take() gets each line."""

    def __init__(self, address, source=None, rcvbuf=None):
        super().__init__(address, source, rcvbuf)
        self.sock.setblocking(False)
        self.pending = b""
        self.ended = False

    def read(self):
        """Reads once; to be called when there is something to read."""
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            self.at_end()
            return
        lines = (self.pending + data).split(b"\r\n")
        self.pending = lines.pop()
        for line in lines:
            self.take(line.decode())

    def take(self, line):
        """What to do with a line."""
        raise NotImplementedError

    def at_end(self):
        """What to do when the server has closed the connection."""
        raise NotImplementedError
