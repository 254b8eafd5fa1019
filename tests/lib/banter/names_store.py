"""A running banter-store: its socket, its file, its log, its ends."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
import unittest

from banter import files, proc, process, wait
from banter.command import check_sanitizer, clean_environment
from banter.host import AS_NOBODY

NEEDED = unittest.skipUnless(os.environ.get("BANTER_STORE"),
                             "this build has no banter-store")


def store_command():
    """The words that start it, from BANTER_STORE; a copy, if it is nobody's,
    as the daemon is."""
    command = shlex.split(os.environ["BANTER_STORE"])
    if AS_NOBODY:
        copy = files.shared_path("banter-store")
        if not os.path.exists(copy):
            shutil.copy(command[-1], copy)
            os.chmod(copy, 0o755)
        command[-1] = copy
    return command


class NamesStore:
    """The store of one test; it is gone after it.

    begin  it serves at once
    """

    def __init__(self, test, begin=True):
        self.socket = files.scratch_path("names.socket")
        self.file = files.scratch_path("banter.db")
        self.log = []
        self.process = None
        self._frozen = False
        self._news = threading.Condition()
        test.addCleanup(self._let_go)
        if begin:
            self.begin()

    @property
    def config(self):
        """The line of a daemon's configuration that names it."""
        return "store %s\n" % self.socket

    # -- its log

    def _collect(self, log):
        with log:
            for raw in log:
                with self._news:
                    self.log.append(raw.decode("utf-8", "replace").rstrip())
                    self._news.notify_all()

    def log_text(self):
        """The log, to be shown when a test fails."""
        with self._news:
            return "\n".join("    " + line for line in self.log[-60:])

    def wait_log(self, words, since=0):
        """Waits until a line with these words was logged, and returns it."""
        until = time.monotonic() + wait.DEADLINE
        with self._news:
            while True:
                for line in self.log[since:]:
                    if words in line:
                        return line
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        "the store never logged %r (exit status %s), but\n%s"
                        % (words, self.process.poll(), "\n".join(self.log)))
                self._news.wait(min(left, 0.2))

    # -- its lives

    def begin(self):
        """Starts it, and waits until it serves."""
        since = len(self.log)
        self._frozen = False
        self.process = process.start(
            store_command() + ["serve", "-v", "-s", self.socket, self.file],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=clean_environment(None), **AS_NOBODY)
        self._reader = threading.Thread(
            target=self._collect, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        self.wait_log("serving ", since)

    def ended(self, expected):
        """Waits for its end, which is by that exit status."""
        try:
            status = self.process.wait(wait.DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("the store does not end; its log:\n"
                                 + self.log_text()) from None
        self._reader.join(wait.DEADLINE)
        process.forget(self.process)
        check_sanitizer(self.log)
        if status != expected:
            raise AssertionError("the store's exit status is %d, not %d; its "
                                 "log:\n%s" % (status, expected,
                                               self.log_text()))

    def stop(self):
        """Asks it to end, as systemctl stop does."""
        if self._frozen:
            self.thaw()
        self.process.terminate()
        self.ended(0)

    def kill(self):
        """It ends in the middle of whatever it does."""
        self.process.kill()
        self.ended(-signal.SIGKILL)

    def restart(self):
        """It ends as it is asked to, and begins again."""
        self.stop()
        self.begin()

    def crash(self):
        """It is killed, and begins again."""
        self.kill()
        self.begin()

    def freeze(self):
        """It does nothing, and its socket is there."""
        self.process.send_signal(signal.SIGSTOP)
        self._frozen = True
        wait.eventually(lambda: proc.stopped(self.process.pid),
                        "the store stops on SIGSTOP")

    def thaw(self):
        """It goes on with what came meanwhile."""
        self._frozen = False
        self.process.send_signal(signal.SIGCONT)

    def _let_go(self):
        if self.process is None or self.process.returncode is not None:
            return
        self.stop()

    # -- its admin

    def word(self, *words, password=None):
        """Asks the running one; (exit status, what it writes)."""
        done = subprocess.run(
            store_command() + ["-s", self.socket] + list(words),
            input=None if password is None else password + "\n",
            stdin=subprocess.DEVNULL if password is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=clean_environment(None), timeout=wait.DEADLINE, check=False,
            **AS_NOBODY)
        return done.returncode, done.stdout
