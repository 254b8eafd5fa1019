"""The contestants of the bench: servers, and the crowds that talk to them."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from banter import proc
from banter.address import reserve_address
from banter.host import AS_NOBODY
from banter.process import end

HERE = Path(__file__).resolve().parent
PATIENCE = 300  # seconds that one command of the load generator may take


class Failure(Exception):
    """A contestant didn't do what it must: lost a line, or died."""


class Kind:
    """What there is to know of a contestant before it runs."""

    def __init__(self, name, dialect, argv, conf=None, window=1000, quiet=1500):
        self.name = name
        self.dialect = dialect
        self.argv = argv        # @BIN@, @PORT@, @CONF@ are filled in
        self.conf = conf
        self.window = window    # clients that may be entering at a time
        self.quiet = quiet      # ms without a line are silence


KINDS = {k.name: k for k in (
    Kind("banterd", "banter", ["@BIN@/banterd", "-f", "@CONF@", "-l", "127.0.0.1:@PORT@"],
         conf="banterd.conf"),
    Kind("floor", "floor", ["@BIN@/floor", "@PORT@"], quiet=100),
    Kind("floor-gathered", "floor", ["@BIN@/floor", "-g", "@PORT@"], quiet=100),
    # Its listen queue holds ten: more at a time wait for TCP's retries.
    Kind("ngircd", "irc", ["/usr/sbin/ngircd", "-n", "-f", "@CONF@"],
         conf="ngircd.conf", window=8),
    Kind("inspircd", "irc", ["/usr/sbin/inspircd", "--nofork", "--nopid", "--config", "@CONF@"],
         conf="inspircd.conf"),
)}
# Another build of banterd, such as that of before a change (--before).
BEFORE = Kind("before", "banter", ["@BIN@/before", "-f", "@CONF@", "-l", "127.0.0.1:@PORT@"],
              conf="banterd.conf")
FLOORS = ("floor", "floor-gathered")
PEERS = ("ngircd", "inspircd")


class Place:
    """A directory for one run, with copies of the programs that any user can start."""

    def __init__(self, banterd, tools, before=None):
        self.dir = Path(tempfile.mkdtemp(prefix="banterd-bench-"))
        self.dir.chmod(0o755)
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        for program in [banterd] * bool(banterd) + [tools / "floor", tools / "loadgen"]:
            shutil.copy(program, self.bin / Path(program).name)
        if before:
            shutil.copy(before, self.bin / BEFORE.name)
        self.counter = tools / "malloc_count.so"
        if self.counter.exists():
            self.counter = Path(shutil.copy(self.counter, self.bin))
        # Servers refuse to run as root, and have no reason to.
        self.user = AS_NOBODY

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def listening(port):
    """Whether somebody listens there; asks the kernel, so the server sees no client."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(row.split()[1] == wanted and row.split()[3] == "0A" for row in list(f)[1:])


class Server:
    """One running server in a directory of its own."""

    def __init__(self, place, kind, more="", count=False):
        self.kind = kind
        self.port = int(reserve_address("127.0.0.1").rsplit(":", 1)[1])
        self.dir = Path(tempfile.mkdtemp(prefix=kind.name.replace(" ", "") + "-",
                                         dir=place.dir))
        if place.user:
            shutil.chown(self.dir, place.user["user"], place.user["group"])
        (self.dir / "motd").write_text("Welcome to the bench.\n", encoding="ascii")
        fill = {"@BIN@": str(place.bin), "@PORT@": str(self.port), "@DIR@": str(self.dir),
                "@CONF@": str(self.dir / "conf"), "@MORE@": more}
        if kind.conf:
            text = (HERE / "peers" / kind.conf).read_text(encoding="ascii")
            (self.dir / "conf").write_text(replace(text, fill), encoding="ascii")
        env = dict(os.environ)
        if count:
            self.counts = self.dir / "counts"
            self.counts.write_bytes(bytes(8))
            self.counts.chmod(0o666)
            env.update(LD_PRELOAD=str(place.counter), BENCH_MALLOC_FILE=str(self.counts))
        self.output = self.dir / "output"
        self.child = self.launch([replace(a, fill) for a in kind.argv], env, place.user)
        self.await_listening()
        self.at_start = self.memory()

    def launch(self, argv, env, user):
        with open(self.output, "wb") as out:
            return subprocess.Popen(argv, cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=out, **user)

    @property
    def pid(self):
        return self.child.pid

    def await_listening(self):
        deadline = time.monotonic() + 10
        while not listening(self.port):
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Failure(f"{self.kind.name} doesn't listen: " + self.last_words())
            time.sleep(0.02)
        # It may still be making ready for clients: it is, once it waits.
        while self.state() == "R" and time.monotonic() < deadline:
            time.sleep(0.02)

    def state(self):
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        return text.rsplit(")", 1)[1].split()[0]

    def last_words(self):
        return self.output.read_text(encoding="utf-8", errors="replace")[-500:].strip()

    def status(self, *fields):
        rows = proc.status(self.pid)
        return [int(rows[field].split()[0]) for field in fields]

    def memory(self):
        """Bytes of the server's own: now, and at the peak since forget_peak()."""
        anon, rss, peak = self.status("RssAnon", "VmRSS", "VmHWM")
        return {"anon": anon * 1024, "peak": (peak - (rss - anon)) * 1024}

    def forget_peak(self):
        try:
            Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            pass

    def wakeups(self):
        """Times that it went to sleep of its own will, and the ns that it ran."""
        total, ran = 0, 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for row in (task / "status").read_text(encoding="ascii").splitlines():
                if row.startswith("voluntary_ctxt_switches:"):
                    total += int(row.split()[1])
            ran += int((task / "schedstat").read_text(encoding="ascii").split()[0])
        return total, ran

    def ticks(self):
        """User and system time so far, in clock ticks."""
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = text.rsplit(")", 1)[1].split()
        return int(fields[11]), int(fields[12])

    def allocations(self):
        return int.from_bytes(self.counts.read_bytes()[:8], "little")

    def stop(self):
        end(self.child)


class Crowd:
    """A load generator and the clients that it holds."""

    def __init__(self, place, server, clients, room=0, more=()):
        kind = server.kind
        self.name = kind.name
        self.server = server
        argv = [place.bin / "loadgen", "-d", kind.dialect, "-p", str(server.port),
                "-P", str(server.pid), "-n", str(clients), "-r", str(room or clients),
                "-w", str(kind.window), "-q", str(kind.quiet), *more]
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.entered = None

    def ready(self):
        """What it took until all were in."""
        if self.entered is None:
            self.entered = self.answer("entering")
        return self.entered

    def tell(self, *words):
        self.ready()
        command = " ".join(str(w) for w in words)
        try:
            self.child.stdin.write(command + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass
        return command

    def ask(self, *words):
        return self.answer(self.tell(*words))

    def ask_and_watch(self, look, *words):
        """The same, and calls look() four times a second meanwhile."""
        command = self.tell(*words)
        while not select.select([self.child.stdout], [], [], 0.25)[0]:
            look()
        return self.answer(command)

    def answer(self, what):
        ready, _, _ = select.select([self.child.stdout], [], [], PATIENCE)
        row = self.child.stdout.readline() if ready else ""
        if row:
            return json.loads(row)
        end(self.child)
        why = self.child.stderr.read().strip() or "no answer in time"
        if self.server.child.poll() is not None:
            why += f"; the server ended with {self.server.child.returncode}: " \
                + self.server.last_words()
        raise Failure(f"{self.name}, {what}: {why}")

    def stop(self):
        end(self.child)
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.stderr.close()


class Syscalls:
    """Counts a server's system calls with strace."""

    def __init__(self, server):
        self.out = server.dir / "strace"
        self.child = subprocess.Popen(["strace", "-c", "-f", "-q", "-o", self.out,
                                       "-p", str(server.pid)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while server.status("TracerPid") == [0]:
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise Failure("strace can't attach: "
                              + self.child.stderr.read().decode(errors="replace").strip())
            time.sleep(0.02)

    def stop(self):
        """The calls by name."""
        self.child.send_signal(signal.SIGINT)
        self.child.wait(timeout=20)
        self.child.stderr.close()
        calls = {}
        for row in self.out.read_text(encoding="ascii").splitlines():
            fields = row.split()
            if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
                calls[fields[-1]] = int(fields[3])
        return calls


def replace(text, fill):
    for old, new in fill.items():
        text = text.replace(old, new)
    return text
