#!/usr/bin/env python3
"""Writing in private to somebody whose laptop was closed."""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time
import unittest

from banter import process, wait
from banter.case import main
from banter.client import settle
from banter.daemon import Daemon
from banter.host import needs_network

BOX = "10.9.9.1"
LAPTOP = "10.9.9.2"
SILENCE = 20
MAY_BE_GONE = "* %s has not answered for 20 s; they may be gone."


@needs_network
class Laptop(unittest.TestCase):
    """In a network of its own, with a link to another one that is cut."""

    def test_closed(self):
        done = subprocess.run(
            ["unshare", "--net", sys.executable, "-B", __file__, "--closed"],
            check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SILENCE + 4 * wait.DEADLINE)
        self.assertEqual(done.returncode, 0, done.stdout.decode())


def ip(words):
    """Runs ip(8) where we are."""
    subprocess.run(["ip"] + words.split(), check=True)


class Network:
    """Where we are: the box. Behind a link: the laptop."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.box = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.inside = process.start(["unshare", "--net", "cat"],
                                    stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE)
        self.inside.stdin.write(b"it is there\n")
        self.inside.stdin.flush()
        self.inside.stdout.readline()
        self.laptop = os.open("/proc/%d/ns/net" % self.inside.pid,
                              os.O_RDONLY)
        ip("link set lo up")
        ip("link add lan0 type veth peer name lan1 netns %d"
           % self.inside.pid)
        ip("addr add %s/24 dev lan0" % BOX)
        ip("link set lan0 up")
        with self.on_the_laptop():
            ip("addr add %s/24 dev lan1" % LAPTOP)
            ip("link set lan1 up")

    @contextlib.contextmanager
    def on_the_laptop(self):
        """Sockets that are made meanwhile are the laptop's."""
        assert self.libc.setns(self.laptop, 0) == 0
        try:
            yield
        finally:
            assert self.libc.setns(self.box, 0) == 0

    def cut(self):
        """The laptop is closed: it sends and takes no more."""
        with self.on_the_laptop():
            ip("link set lan1 down")

    def close(self):
        """It was all for one test."""
        process.end(self.inside)
        process.forget(self.inside)


def unacknowledged(client):
    """Bytes for a client that its kernel has not taken yet."""
    host, port = client.sock.getsockname()
    raw = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            field = line.split()
            if field[2] == "%08X:%04X" % (raw, port):
                return int(field[4].split(":")[0], 16)
    raise AssertionError("no connection of %s's" % client.label)


def fill(speaker, reader):
    """Says lines into a room of theirs until the reader's window is shut."""
    speaker.join("#fill")
    reader.join("#fill")
    settle(speaker, reader)
    for _ in range(4):
        speaker.ask(*["x" * 1000 for _ in range(50)])
    assert unacknowledged(reader) > 0


def closed():
    """Runs inside the network: who is told, of whom, and when."""
    network = Network()
    # in a room they would hear of each other
    daemon = Daemon("default-room none\n", listen=[BOX + ":0"])
    with network.on_the_laptop():
        alice = daemon.client("alice")
        ann = daemon.client("ann")
    bob, eve, reader, speaker = (
        daemon.client(nick) for nick in ("bob", "eve", "reader", "speaker"))
    sleeper = daemon.client("sleeper", rcvbuf=4096)
    ann.ask("/ignore eve")
    everybody = (alice, ann, bob, eve, reader, speaker, sleeper)
    settle(*everybody)
    fill(speaker, sleeper)
    # what alice's kernel acknowledges last, it does after this
    began = time.monotonic()
    bob.ask("/msg alice are you there?")
    alice.until("[private] bob: are you there?")
    # what is on its way when the link is cut would be missed, too
    for one in (alice, ann):
        wait.eventually(lambda: unacknowledged(one) == 0, "it has all")

    network.cut()
    bob.ask("/msg sleeper hello", "/msg reader hello", "/msg alice hello")
    eve.ask("/msg ann hello")		# who ignores her
    reader.until("[private] bob: hello")
    lines = bob.until(MAY_BE_GONE % "alice", SILENCE + wait.DEADLINE)
    took = time.monotonic() - began
    assert SILENCE <= took, took
    # the next look at all others may be a second later
    more = eve.until(MAY_BE_GONE % "ann", wait.DEADLINE)
    assert len(lines) == 1 and len(more) == 1, (lines, more)
    bob.ask_notice("/msg alice still there?", MAY_BE_GONE % "alice")
    eve.ask_notice("/msg ann still there?", MAY_BE_GONE % "ann")
    bob.ask("/msg reader still there?")
    reader.until("[private] bob: still there?")
    sleeper.until("[private] bob: hello")
    bob.silence()
    daemon.stop()
    network.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--closed"]:
        closed()
    else:
        main()
