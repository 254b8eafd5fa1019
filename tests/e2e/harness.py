"""What every end-to-end test needs: a daemon of its own, clients, deadlines.

A test talks to the real binary over real sockets and knows only the contract.
Nothing here sleeps to let things happen: one waits for a line, for the end of
a connection or of a process, or asks again until a condition holds, always
with a deadline that is generous enough for sanitizers on a busy machine.

Environment:
  BANTERD     the command to test; may carry words before it (a valgrind line)
  SOURCE_DIR  the top of the source tree
  DEADLINE    seconds to wait for one thing (default 20)
"""

import atexit
import ctypes
import os
import pwd
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

DEADLINE = float(os.environ.get("DEADLINE", "20"))
TEST_LIMIT = 90			# seconds for one test, all in all
SOURCE_DIR = os.environ.get("SOURCE_DIR", os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..")))
SKIPPED = 77			# what ctest takes for "skipped"

WELCOME_TAIL = "Say something, or /nick NAME to be known; /help lists the rest."
GOING_DOWN = "* The server is going down."
STAMP = r"([01][0-9]|2[0-3]):[0-5][0-9] "
FFFD = "\ufffd"

SANITIZER = re.compile(
    r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:"
    r"|definitely lost: [1-9]|Invalid (read|write) of size")

AS_NOBODY = {}			# how to start the daemon, if we are root
if os.geteuid() == 0:
    _nobody = pwd.getpwnam("nobody")
    AS_NOBODY = {"user": _nobody.pw_uid, "group": _nobody.pw_gid,
                 "extra_groups": []}

_libc = ctypes.CDLL(None, use_errno=True)
_running = set()		# daemons and programs that must not survive us
_scratch = tempfile.mkdtemp(prefix="banterd-e2e-")
os.chmod(_scratch, 0o755)


def _tidy():
    for process in list(_running):
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(_scratch, ignore_errors=True)


atexit.register(_tidy)


def die_with_parent():
    """In a child before exec: be killed when the test program goes."""
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def raise_nofile(wanted):
    """Raises the limit of open files as far as allowed; says what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def scratch_path(name):
    """A path for one file or socket, in a fresh directory of its own."""
    directory = tempfile.mkdtemp(dir=_scratch)
    os.chmod(directory, 0o755)
    give_away(directory)
    return os.path.join(directory, name)


def free_address(host=None):
    """An ADDR:PORT of loopback that no parallel test uses."""
    if host is None:
        host = "127.%d.%d.%d" % (64 + os.getpid() // 65536 % 64,
                                 os.getpid() // 256 % 256,
                                 1 + os.getpid() % 254)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return ("[%s]:%d" if ":" in host else "%s:%d"
                ) % probe.getsockname()[:2]


def eventually(condition, what, deadline=None):
    """Asks again until condition() is true; returns what it returned."""
    until = time.monotonic() + (deadline or DEADLINE)
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > until:
            raise AssertionError("it never came true: " + what)
        select.select([], [], [], 0.02)


class rx:
    """A pattern in a place where a plain string would mean itself."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern, re.S)

    def __repr__(self):
        return "/%s/" % self.pattern.pattern


def matches(wanted, line):
    if isinstance(wanted, rx):
        return wanted.pattern.fullmatch(line) is not None
    return wanted == line


class Daemon:
    """One banterd with its configuration, its address and its log."""

    def __init__(self, config="", listen=("127.0.0.1:0",), args=(),
                 rate="off", server_name="box", env=None, wait=True,
                 before_exec=None, run_as=None, journal=False):
        self.clients = []
        self.log = []
        self.conf = scratch_path("banterd.conf")
        self.directory = os.path.dirname(self.conf)
        self.preamble = ""
        if rate is not None:
            self.preamble += "rate %s\n" % rate
        if server_name is not None:
            self.preamble += "server-name %s\n" % server_name
        self.write_config(config)
        self.command = banterd_command() + ["-f", self.conf]
        for address in listen or ():
            self.command += ["-l", address]
        self.command += list(args)
        self.environment = clean_environment(env)
        self.expected = len(listen or ()) or 1
        self._news = threading.Condition()
        self._told_to_end = False
        self._killed = False
        self._frozen = False
        self._mark = 0

        def child():
            die_with_parent()
            if before_exec:
                before_exec()

        log, write = os.pipe()
        self._log = open(log, "rb")
        if journal:
            stat = os.fstat(write)
            self.environment["JOURNAL_STREAM"] = "%d:%d" % (stat.st_dev,
                                                            stat.st_ino)
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=write, env=self.environment, preexec_fn=child,
            **(run_as or AS_NOBODY))
        os.close(write)
        _running.add(self.process)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self.addresses = []
        if wait:
            try:
                self.wait_listening(self.expected)
            except AssertionError:
                self._let_go()
                raise

    # -- configuration

    def write_config(self, config, preamble=True):
        """Puts the file in place at once, readable by its owner only."""
        new = self.conf + ".new"
        text = (self.preamble if preamble else "") + config
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w", encoding="utf-8") as out:
            out.write(text if text.endswith("\n") or not text else text + "\n")
        give_away(new)
        os.rename(new, self.conf)

    def reload(self, config):
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
        until = time.monotonic() + (deadline or DEADLINE)
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
        return "\n".join("    " + line for line in self.log[-60:])

    def wait_listening(self, count):
        """Waits until that many listeners were logged, the newest last."""
        until = time.monotonic() + DEADLINE
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

    # -- the process

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        if number in (signal.SIGTERM, signal.SIGINT):
            self._told_to_end = True
        self.process.send_signal(number)

    def freeze(self):
        """Stops the process; what clients send now arrives in one turn."""
        self.signal(signal.SIGSTOP)
        self._frozen = True
        stat = "/proc/%d/stat" % self.pid

        def stopped():
            with open(stat, encoding="ascii", errors="replace") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "T"
        eventually(stopped, "the daemon stops on SIGSTOP")

    def thaw(self):
        self._frozen = False
        self.signal(signal.SIGCONT)

    def wait_exit(self, deadline=None):
        """Waits for its end, and for that of whom it started; its status.

        What a sanitizer has to say, it has said by then.
        """
        try:
            status = self.process.wait(deadline or DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon does not end; the log:\n"
                                 + self.log_text()) from None
        self._reader.join(DEADLINE)
        if self._reader.is_alive():
            raise AssertionError("the daemon has ended, but not all that it "
                                 "started; the log:\n" + self.log_text())
        self.check_clean()
        return status

    def kill(self):
        """Ends it in the middle of whatever it does."""
        if self.process.poll() is None:
            self._killed = True
            self.process.kill()
        self.wait_exit()

    def stop(self, expected=(0,)):
        """Closes the clients, asks the daemon to end, checks how it did."""
        if self._killed:
            expected = (-signal.SIGKILL,)
        try:
            for client in self.clients:
                client.close()
            if self.process.poll() is None:
                if self._frozen:
                    self.thaw()
                if not self._told_to_end:
                    self.signal(signal.SIGTERM)
            status = self.wait_exit(DEADLINE + 10)
        finally:
            self._let_go()
        if status not in expected:
            raise AssertionError("exit status %d, expected %s; the log:\n%s"
                                 % (status, expected, self.log_text()))
        return status

    def _let_go(self):
        """Nothing is left of it, whatever came of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(DEADLINE)
        if not self._reader.is_alive():
            self._log.close()
        _running.discard(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    def check_clean(self):
        for number, line in enumerate(self.log):
            if SANITIZER.search(line):
                raise AssertionError("a sanitizer speaks:\n"
                                     + "\n".join(self.log[number:number + 60]))

    # -- clients

    def connect(self, label="client", **how):
        """A connection of which nothing was read yet."""
        client = Client(self, label, **how)
        self.clients.append(client)
        return client

    def guest(self, label="guest", **how):
        """A connection that was greeted; its name is in .nick."""
        client = self.connect(label, **how)
        client.greeted()
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


class Client:
    """One connection, read line by line."""

    def __init__(self, daemon, label, address=None, source=None, rcvbuf=None,
                 telnet=False):
        self.daemon = daemon
        self.label = label
        self.nick = label
        self.telnet = telnet
        self.transcript = []
        self._pending = b""
        self._began = time.monotonic()
        self._tokens = 0
        self._ended = None
        address = address or daemon.addresses[0]
        self.sock = dial(address, source, rcvbuf)

    # -- what was said so far

    def _note(self, direction, data):
        if len(data) > 160:
            data = data[:160] + b"... (%d bytes)" % len(data)
        self.transcript.append("    %7.3f %s %s" % (
            time.monotonic() - self._began, direction, repr(data)[2:-1]))
        del self.transcript[:-400]

    def fail(self, why):
        raise AssertionError("%s: %s\nits transcript:\n%s\nthe log:\n%s" % (
            self.label, why, "\n".join(self.transcript[-50:]),
            self.daemon.log_text()))

    # -- sending

    def send(self, *lines):
        """Sends lines, each with a newline, in one go."""
        self.raw(b"".join(
            (line if isinstance(line, bytes) else line.encode()) + b"\n"
            for line in lines))

    def raw(self, data):
        """Sends bytes as they are."""
        self._note(">", data)
        self.sock.settimeout(DEADLINE)
        try:
            self.sock.sendall(data)
        except socket.timeout:
            self.fail("could not send within %g s" % DEADLINE)

    def pieces(self, data, witness, size=1):
        """Sends bytes in pieces that the server reads one after another.

        The witness, somebody else, gets an answer after each piece, and
        the server has looked at its sockets by then.
        """
        for start in range(0, len(data), size):
            self.raw(data[start:start + size])
            witness.sync()

    # -- receiving

    def _fill(self, until):
        """Reads once; False at the end of all, None when time is up."""
        if self._ended is not None:
            return False
        left = until - time.monotonic()
        if left <= 0:
            return None
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            return None
        except ConnectionResetError:
            self._ended = "reset"
            self._note("<", b"(reset)")
            return False
        if not data:
            self._ended = "closed"
            self._note("<", b"(end)")
            return False
        if not self.telnet and b"\xff" in data:
            self._note("<", data)
            self.fail("an IAC on a plain connection")
        self._pending += data
        return True

    def next(self, deadline=None, what="a line"):
        """The next line, without its CR LF."""
        until = time.monotonic() + (deadline or DEADLINE)
        while b"\n" not in self._pending:
            more = self._fill(until)
            if more is None:
                self.fail("waited in vain for %s; unfinished: %r"
                          % (what, self._pending))
            if not more:
                self.fail("the connection was %s while waiting for %s"
                          % (self._ended, what))
        line, self._pending = self._pending.split(b"\n", 1)
        self._note("<", line + b"\n")
        if not line.endswith(b"\r"):
            self.fail("a line that does not end with CR LF: %r" % line)
        if b"\r" in line[:-1]:
            self.fail("a CR within a line: %r" % line)
        text = line[:-1].decode("utf-8", "surrogateescape")
        if any("\udc80" <= char <= "\udcff" for char in text):
            self.fail("a line that is not UTF-8: %r" % line)
        return text

    def expect(self, *wanted):
        """The next lines are these, one by one; the last line read."""
        line = None
        for one in wanted:
            line = self.next(what=repr(one))
            if not matches(one, line):
                self.fail("expected %r, got %r" % (one, line))
        return line

    def until(self, wanted, deadline=None):
        """Reads on until the line comes; all lines read, that one last."""
        lines = []
        end = time.monotonic() + (deadline or DEADLINE)
        while True:
            line = self.next(max(end - time.monotonic(), 0.001),
                             what=repr(wanted))
            lines.append(line)
            if matches(wanted, line):
                return lines

    def error(self, *facts):
        """The next line is an error that speaks of these facts."""
        return self._kind("! ", facts)

    def notice(self, *facts):
        """The next line is an answer that speaks of these facts."""
        return self._kind("* ", facts)

    def _kind(self, start, facts):
        line = self.next(what="%r with %s" % (start, facts))
        if not line.startswith(start) or len(line) == len(start):
            self.fail("expected a line that begins with %r, got %r"
                      % (start, line))
        for fact in facts:
            if fact.lower() not in line.lower():
                self.fail("expected %r in %r" % (fact, line))
        return line

    def ask(self, *lines):
        """Sends lines; everything received until they are carried out."""
        self.send(*lines)
        return self.sync()

    def ask_error(self, line, *facts):
        """Sends a line of which nothing comes but one error."""
        self.send(line)
        answer = self.error(*facts)
        self.silence()
        return answer

    def ask_notice(self, line, *facts):
        """Sends a line of which nothing comes but one answer."""
        self.send(line)
        answer = self.notice(*facts)
        self.silence()
        return answer

    def sync(self):
        """Waits until the server did all it was asked; lines until then.

        A command that does not exist is answered with an error, in its turn.
        """
        self._tokens += 1
        token = "zsync%d" % self._tokens
        self.send("/" + token)
        return self.until(rx(r"(%s)?! .*\b%s\b.*" % (STAMP, token)))[:-1]

    def silence(self):
        """Nothing was sent to this client since it was last read."""
        lines = self.sync()
        if lines:
            self.fail("expected nothing, got %r" % lines)

    def receive(self, wanted):
        """Bytes as they come until `wanted`, which is all that comes."""
        until = time.monotonic() + DEADLINE
        while len(self._pending) < len(wanted):
            if not self._fill(until):
                break
        got, self._pending = (self._pending[:len(wanted)],
                              self._pending[len(wanted):])
        self._note("<", got)
        if got != wanted:
            self.fail("expected %r, got %r" % (wanted, got))

    def rest(self, reset=False, whole=True):
        """All lines until the server closes the connection.

        A reset and an unfinished line at the end are failures, unless the
        test knows better.
        """
        lines = []
        until = time.monotonic() + DEADLINE
        more = True
        while more:
            more = self._fill(until)
        if more is None:
            self.fail("the connection was not closed; pending %r"
                      % self._pending[-2000:])
        if self._ended != "closed" and not reset:
            self.fail("the connection was reset, not closed")
        while b"\n" in self._pending:
            lines.append(self.next())
        if self._pending and whole:
            self.fail("an unfinished line at the end: %r" % self._pending)
        return lines

    def ends_with(self, *wanted):
        """Exactly these lines come, then the end of the connection."""
        lines = self.rest()
        if len(lines) != len(wanted) or not all(
                matches(one, line) for one, line in zip(wanted, lines)):
            self.fail("expected %r and the end, got %r" % (wanted, lines))

    # -- common steps

    def greeted(self):
        """Reads up to the line that tells one's name."""
        lines = self.until(rx(r"\* You are \S+ in #\S+ \(\d+ here\)\. .*"
                              r"|\* You are [^ ]+\. /join ROOM .*"))
        self.nick = lines[-1].split()[3].rstrip(".")
        return lines

    def rename(self, nick):
        self.send("/nick " + nick)
        self.until("* You are now %s." % nick)
        self.nick = nick

    def join(self, room, key=""):
        """Enters a room; the answer and what was replayed."""
        self.send(("/join %s %s" % (room, key)).strip())
        start = "* You are in %s%s " % ("" if room[0] == "#" else "#", room)
        lines = self.until(rx(re.escape(start) + ".*"))
        return lines[-1:] + self.sync()

    def leave(self, *words):
        self.send(" ".join(("/leave",) + words))
        return self.until(rx(r"\* .*"))

    # -- ending

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)
        self._note(">", b"(half-close)")

    def hang_up(self):
        """Ends it in good order: all is read, nobody sees a reset."""
        self.half_close()
        self.rest()
        self.sock.close()

    def close(self):
        """Just closes; if something was not read, the server sees a reset."""
        self.sock.close()

    def reset(self):
        """Breaks the connection off, as a crashed peer does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


def split_address(address):
    """ADDR:PORT, [ADDR]:PORT or a path, as family and socket address."""
    if address.startswith("/"):
        return socket.AF_UNIX, address
    host, port = address.rsplit(":", 1)
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


def dial(address, source=None, rcvbuf=None):
    """A connected socket."""
    family, where = split_address(address)
    if where[0] == "0.0.0.0":
        where = ("127.0.0.1", where[1])
    if where[0] == "::":
        where = ("::1", where[1])
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(DEADLINE)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            sock.bind((source, 0))
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(where)
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


def settle(*clients):
    """All that was asked so far is done, and its noise is read and gone."""
    for client in clients:
        client.sync()
    for client in clients:
        client.sync()


def banterd_command():
    """The words that start the daemon, from BANTERD.

    Started as root it would give that up. The tests run it as nobody from
    the first, so that it may read its files again; nobody has a copy of it,
    as the build directory may be closed to others.
    """
    command = shlex.split(os.environ.get("BANTERD", ""))
    if not command:
        sys.exit("set BANTERD to the daemon to test")
    if AS_NOBODY:
        copy = os.path.join(_scratch, "banterd")
        if not os.path.exists(copy):
            shutil.copy(command[-1], copy)
            os.chmod(copy, 0o755)
        command[-1] = copy
    return command


def give_away(path):
    """What the daemon shall own."""
    if AS_NOBODY:
        os.chown(path, AS_NOBODY["user"], AS_NOBODY["group"])


def clean_environment(more=None):
    """Nothing of the caller's session changes what the daemon does."""
    env = {k: v for k, v in os.environ.items()
           if k in ("PATH", "HOME", "LANG", "LLVM_PROFILE_FILE",
                    "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS",
                    "ASAN_SYMBOLIZER_PATH")}
    env["TZ"] = "UTC"
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    env.update(more or {})
    return env


def run_banterd(*args, env=None, run_as=None):
    """Runs the daemon to its end; its exit status, stdout and stderr."""
    done = subprocess.run(
        banterd_command() + list(args), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE,
        env=clean_environment(env), preexec_fn=die_with_parent, check=False,
        **(run_as or AS_NOBODY))
    out = done.stdout.decode("utf-8", "replace")
    err = done.stderr.decode("utf-8", "replace")
    if SANITIZER.search(err):
        raise AssertionError("a sanitizer speaks:\n" + err)
    if done.returncode not in (0, 1, 2):
        raise AssertionError("exit status %d\n%s" % (done.returncode, err))
    return done.returncode, out, err


class Case(unittest.TestCase):
    """A test; daemons made through it end with it and are checked."""

    def setUp(self):
        signal.signal(signal.SIGALRM, self._too_long)
        signal.alarm(TEST_LIMIT)
        self.addCleanup(signal.alarm, 0)

    @staticmethod
    def _too_long(_number, _frame):
        raise AssertionError("the test took more than %d s" % TEST_LIMIT)

    def daemon(self, config="", **how):
        daemon = Daemon(config, **how)
        self.addCleanup(daemon.stop)
        return daemon

    def assert_dumps_nothing(self, lines, word):
        """The word is in none of the lines."""
        for line in lines:
            self.assertNotIn(word, line)


class SharedCase(Case):
    """Tests that use one daemon for all of them: tables."""

    config = ""
    shared = None

    @classmethod
    def setUpClass(cls):
        cls.shared = Daemon(cls.config)
        cls.addClassCleanup(cls.shared.stop)

    def visitor(self, nick, **how):
        """Somebody for one test, undisturbed by who else comes and goes."""
        client = self.shared.client(nick, **how)
        client.ask("/set quiet on")
        self.addCleanup(self._say_goodbye, client)
        return client

    @staticmethod
    def _say_goodbye(client):
        client.send("/quit")
        client.rest()


class _LoudResult(unittest.TextTestResult):
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print("SKIPPED: %s: %s" % (test, reason), file=sys.stderr, flush=True)


def main():
    """Runs the module's tests; exit status 77 when all had to be skipped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    raise_nofile(8192)
    program = unittest.main(
        module="__main__", exit=False, verbosity=2,
        testRunner=unittest.TextTestRunner(verbosity=2,
                                           resultclass=_LoudResult))
    result = program.result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    if _running:
        sys.exit("nobody looked at how these ended: %s" % [
            process.args for process in _running])
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
