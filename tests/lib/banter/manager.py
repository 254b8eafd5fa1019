"""A miniature service manager: a daemon in several lives, one after the other.

It does for `banterd -k` what systemd (252) does for a service with
FileDescriptorStoreMax=: takes the descriptors that the daemon sends to
NOTIFY_SOCKET, keeps them under their names whatever becomes of the process,
and passes them to the next one. So restarts, upgrades and crashes are tested
without a boot.
"""

import array
import contextlib
import fcntl
import os
import select
import signal
import socket
import threading
import time

from banter import files, proc, process, wait
from banter.case import Case
from banter.client import settle
from banter.daemon import Daemon
from banter.line import CAME_BACK

FIRST = 3			# sd_listen_fds(3): what is passed begins here
MOST = 253			# descriptors of one message: the kernel's SCM_MAX_FD

# The shell becomes the daemon, so its number is the daemon's.
PASSED = ["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh"]


def pieces(fd):
    """Where the data of a file with holes is: from and to."""
    end = 0
    while True:
        try:
            start = os.lseek(fd, end, os.SEEK_DATA)
        except OSError:		# there is no more
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end


class Stored:
    """A descriptor in the store."""

    def __init__(self, name, fd):
        self.name = name
        self.fd = fd

    def __repr__(self):
        return "%s=%d" % (self.name, self.fd)

    def is_same(self, fd):
        """Whether that is the same file."""
        return os.path.sameopenfile(self.fd, fd)


class Manager(Daemon):
    """One daemon, its descriptors, and its lives.

    store_max  how many descriptors are kept (FileDescriptorStoreMax=)
    sockets    of a socket unit: a name and a socket each
    watchdog   seconds (WatchdogSec=)
    notify     there is a NOTIFY_SOCKET
    faults     crash(SIGSEGV) will be asked for
    """

    END = signal.SIGINT

    def __init__(self, config="", args=("-k",), env=None, store_max=64,
                 sockets=(), watchdog=None, notify=True, faults=False, **how):
        self.store_max = store_max
        self.sockets = list(sockets)
        self.store = []
        self.told = []		# every field of every message, of all lives
        self.dropped = []	# names of what had no place
        self.removed = []	# names that FDSTOREREMOVE said
        self.wrong = []		# what a service must not do
        self.lives = 0
        self.status = ""
        self._is_ready = False
        self._began = 0
        self._wants_ready = how.get("ready", True)
        self._change = threading.Condition()
        path = files.scratch_path("notify")
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(path)
        self._notify.setblocking(False)
        files.give_away(path)
        self._over, self._end_of_thread = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        env = dict(env or {})
        if notify:
            env["NOTIFY_SOCKET"] = path
        if watchdog:
            env["WATCHDOG_USEC"] = str(int(watchdog * 1000000))
        if faults:
            env["ASAN_OPTIONS"] = ":".join(filter(None, [
                os.environ.get("ASAN_OPTIONS"), "handle_segv=0",
                "handle_sigbus=0", "abort_on_error=1"]))
        super().__init__(config, args=args, env=env, **how)
        if notify and self._wants_ready:
            self.wait_ready()

    # -- what the daemon tells

    def _listen(self):
        while True:
            ready, _, _ = select.select([self._notify, self._over], [], [])
            if self._over in ready:
                return
            self.drain()

    def drain(self):
        """Takes the messages that are there."""
        with self._change:
            while self._notify.fileno() != -1 and self._take():
                pass
            self._change.notify_all()

    def _take(self):
        fds = array.array("i")
        try:
            data, more, flags, _ = self._notify.recvmsg(
                4096, socket.CMSG_SPACE(MOST * fds.itemsize),
                socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            self.wrong.append("a message that is too long: %r" % data)
        for level, kind, body in more:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
        fields = data.decode("ascii", "replace").split("\n")
        self.told += fields
        self._obey(fields, list(fds))
        return True

    def _obey(self, fields, fds):
        said = dict(field.split("=", 1) for field in fields if "=" in field)
        if len(said) != len(fields):
            self.wrong.append("not in the form of sd_notify(3): %r" % fields)
        name = said.get("FDNAME", "stored")
        if ":" in name or not name.isprintable() or not 0 < len(name) < 256:
            self.wrong.append("not a name: %r" % fields)
        if "FDSTOREREMOVE" in said:
            self._remove(name)
        elif "FDSTORE" in said:
            if said.get("FDPOLL") != "0":
                self.wrong.append("stored with FDPOLL: %r" % fields)
            if not fds:
                self.wrong.append("stored nothing: %r" % fields)
            for fd in fds:
                self._keep(name, fd)
            fds = []
        if "READY" in said:
            self._is_ready = True
        self.status = said.get("STATUS", self.status)
        for fd in fds:
            self.wrong.append("a descriptor for nothing: %r" % fields)
            os.close(fd)

    def _keep(self, name, fd):
        if any(stored.is_same(fd) for stored in self.store):
            os.close(fd)
        elif len(self.store) >= self.store_max:
            self.dropped.append(name)
            os.close(fd)
        else:
            self.store.append(Stored(name, fd))

    def _remove(self, name):
        self.removed.append(name)
        for stored in [one for one in self.store if one.name == name]:
            self.take_out(stored)

    def take_out(self, stored):
        """This one is not kept any longer."""
        self.store.remove(stored)
        os.close(stored.fd)

    def stored(self, name):
        """The descriptors of that name."""
        return [one for one in self.store if one.name == name]

    def names(self):
        """The names in the store, in order."""
        return sorted(one.name for one in self.store)

    def replace(self, stored, fd):
        """Another file is under that name from now on; fd is ours then."""
        os.close(stored.fd)
        stored.fd = fd

    def spoil(self, stored, change):
        """Puts a copy of a memory in its place, and calls change(fd)."""
        copy = os.memfd_create("copy", os.MFD_CLOEXEC)
        was = os.fstat(stored.fd)
        os.fchown(copy, was.st_uid, was.st_gid)
        os.fchmod(copy, was.st_mode & 0o777)
        os.ftruncate(copy, was.st_size)
        for start, end in pieces(stored.fd):
            while start < end:
                data = os.pread(stored.fd, min(end - start, 1 << 20), start)
                start += os.pwrite(copy, data, start)
        change(copy)
        self.replace(stored, copy)

    def wait_told(self, condition, what):
        """Waits until condition() holds, which what was told can change."""
        until = time.monotonic() + wait.DEADLINE
        with self._change:
            while not condition():
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise AssertionError(
                        "it never came true (exit status %s): %s; status "
                        "%r, store %s; the log:\n%s" % (
                            self.process.poll(), what, self.status,
                            self.store, self.log_text()))
                self._change.wait(min(left, 0.1))

    @property
    def this_life(self):
        """What was logged in it."""
        return self.log[self._began:]

    def wait_ready(self):
        """Waits until this life says that it is ready."""
        try:
            self.wait_told(lambda: self._is_ready, "it is ready")
        except AssertionError:
            self._let_go()
            raise

    def comes_up(self):
        """Waits until this life is ready, or has ended: False."""
        wait.eventually(
            lambda: self._is_ready or self.process.poll() is not None,
            "a life begins")
        self.drain()
        return self._is_ready

    @contextlib.contextmanager
    def busy(self):
        """It reads nothing of what it is told, and its queue is full."""
        path = self._notify.getsockname()
        with self._change, socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(path)
            try:
                while True:
                    other.send(b"X_OTHER=1")
            except BlockingIOError:
                pass
            yield

    # -- lives

    def _start(self, before_exec=None, env=None, **how):
        """With what is stored, the newest first, as systemd does it."""
        passed = self.sockets + [(one.name, one.fd)
                                 for one in reversed(self.store)]
        self.lives += 1
        self._is_ready = False
        self._before_exec = before_exec
        if not passed:
            super()._start(before_exec, env, **how)
            return
        fds = [fd if isinstance(fd, int) else fd.fileno()
               for _, fd in passed]
        env = {"LISTEN_FDS": str(len(fds)),
               "LISTEN_FDNAMES": ":".join(name for name, _ in passed)}
        after = FIRST + len(fds)

        def in_place():
            copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, after) for fd in fds]
            for place, copy in enumerate(copies, FIRST):
                os.dup2(copy, place)
            if before_exec:
                before_exec()

        # No descriptor of subprocess's own lies where these will be.
        holders = [os.open("/dev/null", os.O_RDONLY)]
        while holders[-1] < after:
            holders.append(os.open("/dev/null", os.O_RDONLY))
        command = self.command
        self.command = PASSED + command
        try:
            super()._start(in_place, env, pass_fds=range(FIRST, after), **how)
        finally:
            self.command = command
            for holder in holders:
                os.close(holder)

    def begin(self, ready=True):
        """The next life, with what is in the store."""
        self._told_to_end = False
        self._killed_by = None
        self._frozen = False
        self.mark()
        self._began = self._mark
        self._start(self._before_exec)
        if ready:
            self.wait_ready()

    def wait_exit(self, deadline=None):
        """Also takes what it has said to the end."""
        status = super().wait_exit(deadline)
        self.drain()
        return status

    def broke(self):
        """It has ended by itself: the signal, or an exit status below 0."""
        status = self.ended()
        self._killed_by = -status
        return -status

    def ended(self, expected=None):
        """Waits for the end of this life; its exit status."""
        status = self.wait_exit()
        self._log.close()
        process.forget(self.process)
        if expected is not None and status != expected:
            raise AssertionError(
                "life %d: exit status %d, expected %d; the log:\n%s" % (
                    self.lives, status, expected, self.log_text()))
        return status

    def ask_to_hand_over(self):
        """TERM."""
        self.signal(signal.SIGTERM)

    def hand_over(self):
        """The first half of a restart: it ends, and nobody is told."""
        self.ask_to_hand_over()
        self.ended(0)
        self.wait_log("handing over")

    def restart(self):
        """systemctl restart."""
        self.hand_over()
        self.begin()

    def rest(self):
        """Waits until it does nothing."""
        wait.eventually(lambda: proc.rests(self.pid), "it does nothing")

    def freeze(self):
        """Of one that does nothing, see break_down()."""
        self.rest()
        super().freeze()

    def break_down(self, number=signal.SIGKILL, rests=True):
        """The first half of a crash.

        Of one that does nothing: else whoever was sent something a moment ago
        may read the end of half a line, though they had all of it."""
        if rests:
            self.rest()
        if self.process.poll() is None:
            self._killed_by = number
            self.process.send_signal(number)
            if self._frozen:
                self.thaw()
        self.ended(-number)

    def crash(self, number=signal.SIGKILL):
        """It ends by a fault, and is started again."""
        self.break_down(number)
        self.begin()

    def stop(self, expected=(0,)):
        """systemctl stop: the store is empty then."""
        status = super().stop(expected)
        if self.wrong:
            raise AssertionError("it told the service manager: %s"
                                 % "; ".join(self.wrong))
        return status

    def _let_go(self):
        super()._let_go()
        if self._thread.is_alive():
            os.write(self._end_of_thread, b".")
            self._thread.join()
            self._notify.close()
            os.close(self._over)
            os.close(self._end_of_thread)
        while self.store:
            self.take_out(self.store[-1])


class KeptCase(Case):
    """A test whose daemons are kept by a service manager."""

    def kept(self, config="", **how):
        """A daemon that is stopped, and must end well, after the test."""
        manager = Manager(config, **how)
        self.addCleanup(manager.stop)
        return manager


class Planned:
    """again() is a restart: nobody is told anything."""

    planned = True

    @staticmethod
    def again(daemon, *people):
        """The daemon is restarted; these people have nothing to read."""
        daemon.restart()
        for one in people:
            one.silence()


class Crash:
    """again() is a crash: everybody is told, once."""

    planned = False

    @staticmethod
    def again(daemon, *people):
        """The daemon is killed; these people are told so, and no more."""
        settle(*people)
        daemon.crash()
        for one in people:
            one.expect(CAME_BACK)
        for one in people:
            one.silence()
