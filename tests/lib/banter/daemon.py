"""A running daemon: its configuration, its log, its clients, its end."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time

from banter import files, proc, process, wait
from banter.address import refused
from banter.client import Client, settle
from banter.command import (banterd_command, check_sanitizer,
                            clean_environment)
from banter.host import AS_NOBODY

# The shell becomes the daemon, so its number is the daemon's.
PASSED = ["sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"', "sh"]


class Daemon:
    """One banterd with its configuration, its address and its log.

    listen     addresses for -l; None if the configuration says where
    ready      wait until all the listeners are logged
    rate, server_name  lines of each configuration; None: the default holds
    run_as     how to start it, for subprocess; nobody, if we are root
    journal    its stderr is what JOURNAL_STREAM says
    passed     a socket that it is started with, as systemd does
    """

    END = signal.SIGTERM	# what stops it
    make_client = Client

    def __init__(self, config="", listen=("127.0.0.1:0",), args=(),
                 rate="off", server_name="box", env=None, ready=True,
                 before_exec=None, run_as=None, journal=False, passed=None):
        self.clients = []
        self.log = []
        self.conf = files.scratch_path("banterd.conf")
        self.directory = os.path.dirname(self.conf)
        self.preamble = ""
        if rate is not None:
            self.preamble += "rate %s\n" % rate
        if server_name is not None:
            self.preamble += "server-name %s\n" % server_name
        self.write_config(config)
        self.command = banterd_command() + ["-f", self.conf]
        self.listen = list(listen or ())
        for address in self.listen:
            self.command += ["-l", address]
        self.command += list(args)
        self.environment = clean_environment(env)
        self._news = threading.Condition()
        self._told_to_end = False
        self._killed_by = None
        self._frozen = False
        self._mark = 0
        self._journal = journal
        self._run_as = dict(run_as or AS_NOBODY)
        self.addresses = []
        if passed:
            self.command = PASSED + self.command
            self._start(lambda: os.dup2(passed.fileno(), 3), pass_fds=(3,))
        else:
            self._start(before_exec)
        if ready:
            try:
                self.wait_listening(len(self.listen) or 1)
            except AssertionError:
                self._let_go()
                raise

    def _start(self, before_exec=None, env=None, **how):
        """Starts the process, whose stderr is the log from now on."""
        log, write = os.pipe()
        self._log = open(log, "rb")
        env = dict(self.environment, **(env or {}))
        if self._journal:
            stat = os.fstat(write)
            env["JOURNAL_STREAM"] = "%d:%d" % (stat.st_dev, stat.st_ino)
        self.process = process.start(
            self.command, before_exec, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=write, env=env,
            **self._run_as, **how)
        os.close(write)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    # -- configuration

    def write_config(self, config, preamble=True):
        """Puts the file in place at once, readable by its owner only."""
        text = (self.preamble if preamble else "") + config
        if text and not text.endswith("\n"):
            text += "\n"
        files.write(self.conf, text)

    def reload(self, config):
        """Puts another file in place, and tells the daemon to read it."""
        self.write_config(config)
        self.signal(signal.SIGHUP)

    # -- the log on stderr

    def _collect(self):
        for raw in self._log:
            with self._news:
                self.log.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def mark(self):
        """From here on wait_log() looks at what is logged later only."""
        with self._news:
            self._mark = len(self.log)

    def wait_log(self, pattern, deadline=None):
        """Waits for a line in which the pattern is found; the match."""
        until = time.monotonic() + (deadline or wait.DEADLINE)
        seen = self._mark
        with self._news:
            while True:
                while seen < len(self.log):
                    found = re.search(pattern, self.log[seen])
                    seen += 1
                    if found:
                        return found
                left = until - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise AssertionError("no log line has /%s/; the log:\n%s"
                                         % (pattern, self.log_text()))
                self._news.wait(min(left, 0.2))

    def log_text(self):
        """The end of the log, to be shown when a test fails."""
        return "\n".join("    " + line for line in self.log[-60:])

    def wait_listening(self, count):
        """Waits until that many listeners were logged, the newest last."""
        until = time.monotonic() + wait.DEADLINE
        while True:
            with self._news:
                self.addresses = [
                    found.group(1) for found in
                    (re.search(r"listening on (\S+)", line)
                     for line in self.log) if found]
                if len(self.addresses) >= count:
                    break
                if self.process.poll() is None and time.monotonic() < until:
                    self._news.wait(0.2)
                    continue
            raise AssertionError(
                "%d of %d listeners after %s (exit status %s); the log:\n%s" % (
                    len(self.addresses), count, self.command,
                    self.process.poll(), self.log_text()))

    def wait_answer(self):
        """Waits until it answers where -l says, whatever it logs and where.

        False if it has ended instead.
        """
        def answers():
            return not any(refused(address) for address in self.listen)

        self.addresses = self.listen
        wait.eventually(lambda: self.process.poll() is not None or answers(),
                        "it ends or listens")
        return self.process.poll() is None

    # -- the process

    @property
    def pid(self):
        """Its process number."""
        return self.process.pid

    def signal(self, number):
        """Sends it a signal."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._told_to_end = True
        self.process.send_signal(number)

    def freeze(self):
        """Stops the process; what clients send now arrives in one turn."""
        self.signal(signal.SIGSTOP)
        self._frozen = True
        wait.eventually(lambda: proc.stopped(self.pid),
                        "the daemon stops on SIGSTOP")

    def thaw(self):
        """Lets a process that was stopped go on."""
        self._frozen = False
        self.signal(signal.SIGCONT)

    def wait_exit(self, deadline=None):
        """Waits for its end, and for that of whom it started; its status.

        What a sanitizer has to say, it has said by then.
        """
        try:
            status = self.process.wait(deadline or wait.DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon does not end; the log:\n"
                                 + self.log_text()) from None
        self._reader.join(wait.DEADLINE)
        if self._reader.is_alive():
            raise AssertionError("the daemon has ended, but not all that it "
                                 "started; the log:\n" + self.log_text())
        check_sanitizer(self.log)
        return status

    def kill(self):
        """Ends it in the middle of whatever it does."""
        if self.process.poll() is None:
            self._killed_by = signal.SIGKILL
            self.process.kill()
        self.wait_exit()

    def stop(self, expected=(0,)):
        """Closes the clients, asks the daemon to end, checks how it did."""
        if self._killed_by is not None:
            expected = (-self._killed_by,)
        try:
            for client in self.clients:
                client.close()
            if self.process.poll() is None:
                if self._frozen:
                    self.thaw()
                if not self._told_to_end:
                    self.signal(self.END)
            status = self.wait_exit(wait.DEADLINE + 10)
        finally:
            self._let_go()
        if status not in expected:
            raise AssertionError("exit status %d, expected %s; the log:\n%s"
                                 % (status, expected, self.log_text()))
        return status

    def _let_go(self):
        """Nothing is left of it, whatever came of it."""
        process.kill(self.process)
        self._reader.join(wait.DEADLINE)
        if not self._reader.is_alive():
            self._log.close()
        process.forget(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- clients

    def connect(self, label="client", **how):
        """A connection of which nothing was read yet."""
        client = self.make_client(self, label, **how)
        self.clients.append(client)
        return client

    def newcomer(self, label="newcomer", **how):
        """A connection that was greeted; its name is in .nick."""
        client = self.connect(label, **how)
        client.greeted()
        return client

    def guest(self, label="guest", **how):
        """One that was greeted and announced; its name is in .nick."""
        client = self.connect(label, **how)
        client.appear()
        return client

    def client(self, nick, *rooms, **how):
        """A greeted one with a name, in the rooms named (last: current)."""
        client = self.guest(nick, **how)
        client.rename(nick)
        for room in rooms:
            client.join(room)
        return client

    def people(self, *nicks, rooms=()):
        """Several at once, all settled."""
        clients = [self.client(nick, *rooms) for nick in nicks]
        settle(*clients)
        return clients
