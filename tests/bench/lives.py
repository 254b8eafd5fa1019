"""A banterd in several lives: under a service manager, which starts it again."""

import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from banter.manager import Manager
from bars import WITH, WITHOUT
from contest import Crowd, Failure, Kind, Server

WAYS = {WITHOUT: Kind(WITHOUT, "banter", ["@BIN@/banterd"], conf="banterd.conf"),
        WITH: Kind(WITH, "banter", ["@BIN@/banterd", "-k"], conf="banterd.conf")}

SO_PEEK_OFF = 42
ON = (signal.SIGTERM, 0)    # a signal that begins another life, and how one ends by it
KILL = (signal.SIGKILL, -signal.SIGKILL)


class Keeper(Manager):
    """The manager of the tests, but it neither reads the log nor waits by looking."""

    def end_of_life(self, status):
        """Waits for the end of this one; when that was, in ns."""
        pidfd = os.pidfd_open(self.pid)
        select.select([pidfd], [], [], 60)
        ended = time.monotonic_ns()
        os.close(pidfd)
        self._killed_by = -status if status < 0 else None
        self.ended(status)
        return ended


class Lives(Server):
    """A server with a manager: with -k, or without it as a measure of that."""

    def launch(self, argv, env, user):
        os.environ["BANTERD"] = argv[0]
        config = (self.dir / "conf").read_text(encoding="ascii")
        self.manager = Keeper(config + f"log-target {self.output}\n", args=argv[1:],
                              listen=(f"127.0.0.1:{self.port}",), rate=None, server_name=None,
                              ready=False)
        self.manager.wait_ready()
        return self.manager.process

    def await_listening(self):
        super().await_listening()
        self.started_ns = self.wakeups()[1]

    def memory(self):
        """With what it has touched of the state, which belongs to nobody alone."""
        rollup = {}
        for row in Path(f"/proc/{self.pid}/smaps_rollup").read_text(
                encoding="ascii").splitlines()[1:]:
            name, kb = row.split(":")
            rollup[name] = int(kb.split()[0]) * 1024
        held = sum(os.fstat(one.fd).st_blocks * 512 for one in self.manager.store
                   if one.name in ("state", "remnant", "life"))
        return {**super().memory(), "state": rollup["Pss_Shmem"], "held": held}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def vault(self):
        """Messages in the vault, and descriptors in them; looks, and takes nothing out."""
        messages = size = 0
        for stored in self.manager.stored("young1") + self.manager.stored("vault1"):
            with socket.socket(fileno=os.dup(stored.fd)) as end:
                end.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
                try:
                    while True:
                        size += len(end.recv(4096, socket.MSG_PEEK | socket.MSG_DONTWAIT))
                        messages += 1
                except BlockingIOError:
                    pass
                end.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, -1)
        return messages, size // 8

    def begin_again(self, ended):
        """The next life; how long the manager took for its part, in ns."""
        self.manager.begin(ready=False)
        started = time.monotonic_ns()
        self.manager.wait_ready()
        self.child = self.manager.process
        return started - ended

    def restart(self, how):
        """Another life, with nobody who says anything; the CPU it took, in ns."""
        self.child.send_signal(how[0])
        self.begin_again(self.manager.end_of_life(how[1]))
        deadline = time.monotonic() + 10
        while self.state() != "S" and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1)
        return self.wakeups()[1]

    def stop(self):
        try:
            self.manager.stop()
        except AssertionError as e:
            if sys.exc_info()[0] is None:
                raise Failure(str(e)) from e
            print(e, file=sys.stderr)


class Patient(Crowd):
    """A crowd that outlives its server."""

    def pause(self, how):
        """Each says a line, and the server ends and comes again."""
        command = self.tell("pause", int(how[0]))
        ended = self.server.manager.end_of_life(how[1])
        manager = self.server.begin_again(ended)
        answer = self.answer(command)
        self.follow()
        return {**answer, "manager_ns": manager}

    def restart(self, how):
        cpu = self.server.restart(how)
        self.follow()
        return cpu

    def follow(self):
        """What is said of the server is said of its next life."""
        self.ask("next", self.server.pid)
        self.ask("settle")
