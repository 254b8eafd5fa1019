"""A scenario of abuse: one daemon, one attack, one honest crowd.

A scenario measures honest pairs at rest, then again while the attack goes on,
samples the daemon's memory meanwhile, and asks at the end that all is as it
was at the start: clients, rooms, descriptors, memory. Asserted are only
correctness (the pairs lose nothing, see pair.c), the memory that the
configured limits allow, and the return to the start; times are reported.

Environment, beside that of tests/lib/banter:
  ATTACK, PAIR  the programs built from attack.c and pair.c
  ABUSE_LONG    if set, each abuse is as long and as large as its name says
  ABUSE_REPORT  a file that gets one JSON object for each scenario
  SANITIZED     if 1, memory is not compared: a sanitizer's own is in it
"""

import json
import os
import re
import signal
import sys
import threading

from banter import case, files, proc, process, wait
from banter.host import HAS_IPV6
from banter.wait import eventually

LONG = bool(os.environ.get("ABUSE_LONG"))
SANITIZED = os.environ.get("SANITIZED", "0").upper() not in ("", "0", "OFF")
PAIRS = 8			# honest ones
SAMPLE = 0.02			# seconds between two looks at memory

wait.DEADLINE = max(wait.DEADLINE, 60)


def size(short, long):
    """How much of it: in ctest, or by hand."""
    return long if LONG else short


class Bound:
    """How much memory the configured limits allow beyond the start.

    The same sum stands in docs/security.md; keep them alike.
    """

    KEYWORDS = {"send-queue": 256 << 10, "max-line": 1024, "history": 50,
                "max-joined": 20}

    def __init__(self, config):
        self.value = dict(self.KEYWORDS)
        for name in self.value:
            found = re.search(r"^%s (\d+)([KM]?)$" % name, config, re.M)
            if found:
                unit = {"": 1, "K": 1 << 10, "M": 1 << 20}[found.group(2)]
                self.value[name] = int(found.group(1)) * unit

    def line(self):
        """The longest line that can be said: each byte may become three."""
        return 3 * self.value["max-line"] + 256

    def client(self, queue):
        """One client: itself, its input, its unfinished line, its rooms, its
        away text, and (if it does not read) its queue and one more answer."""
        joined = self.value["max-joined"]
        return (900 + 4096 + self.value["max-line"] + 32 * joined
                + self.line()
                + (self.value["send-queue"] + 4096 + 1200
                   + joined * self.line() if queue else 0))

    def room(self):
        """One room: itself, its topic, its key, what was said in it."""
        return 352 + 8192 + 2 * self.line() + self.value["history"] * (
            self.line() + 48)

    def total(self, clients, full, rooms):
        """For so many clients, of which some do not read, and so many rooms;
        and a fixed sum for what the C library keeps aside."""
        return ((clients - full) * self.client(False)
                + full * self.client(True) + rooms * self.room() + (4 << 20))


def argument(value):
    """An argument of an attacker; a long one in a file, as @FILE."""
    text = str(value)
    if len(text) < 4096:
        return text
    return "@" + files.written("text", text, 0o644)


class Program(process.Program):
    """A running attacker or crowd; polite to the rest of the machine."""

    def ready(self):
        """Waits until it says that it is at work."""
        line = self.line(Case.time_limit)
        if line != "ready":
            raise AssertionError("%s: %r" % (self.command, line))
        return self

    def wait(self, stop=False):
        """Waits until it ends by itself; what it said, as a dict."""
        words = self.result(stop).split()
        return {k: int(v) for k, v in zip(words[::2], words[1::2])}

    def stop(self):
        """Tells it to end; what it said."""
        return self.wait(stop=True)


class Sampler(threading.Thread):
    """Watches a process's memory until told to end."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = proc.own_memory(pid)
        self.kernel = proc.kernel_memory()
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(SAMPLE):
            try:
                self.peak = max(self.peak, proc.own_memory(self.pid))
            except (OSError, KeyError):
                return		# the daemon is gone
            self.kernel = max(self.kernel, proc.kernel_memory())

    def stop(self):
        self.over.set()
        self.join()


class Case(case.Case):
    """A test that measures one abuse after another."""

    time_limit = 900 if LONG else 170

    def server(self, config="", rate=None, **how):
        """A daemon with room for the crowd; rate None: the default's."""
        how.setdefault("listen", [
            "127.0.0.1:0", "[::1]:0" if HAS_IPV6 else "127.0.0.2:0",
            files.scratch_path("sock")])
        self.config = config
        self.d = self.daemon(config, rate=rate, **how)
        return self.d

    def counters(self):
        """Clients and rooms, as SIGUSR1 tells them."""
        self.d.mark()
        self.d.signal(signal.SIGUSR1)
        found = self.d.wait_log(r"clients (\d+), rooms (\d+)")
        return int(found.group(1)), int(found.group(2))

    def skipped(self):
        """Lines of rooms that were skipped since the start."""
        self.d.mark()
        self.d.signal(signal.SIGUSR1)
        return int(self.d.wait_log(r"skipped (\d+)").group(1))

    def state(self):
        return self.counters() + (proc.descriptors(self.d.pid),)

    def attack(self, *args, address=0, nice=10):
        """Starts an attacker, and waits until it says it is at work."""
        return Program([os.environ["ATTACK"], "-a", self.d.addresses[address]]
                       + [argument(a) for a in args], nice).ready()

    def begin(self, *args, **how):
        """For scenario(): an attack of these options, started later."""
        return lambda: self.attack(*args, **how)

    def pair(self, seconds):
        return Program([os.environ["PAIR"], self.d.addresses[0], str(PAIRS),
                        str(seconds)]).ready()

    def scenario(self, title, *attacks, seconds=(2, 20), clients=0, full=0,
                 rooms=0, meanwhile=None, until_done=False):
        """One abuse; attacks are functions that start a Program.

        clients, full and rooms say how much the attackers can hold at one
        time, for the bound. With until_done the attackers end by themselves.
        """
        self.d.guest("first").hang_up()	# what is made once is made now
        rest = self.pair(size(1, 10)).wait()
        eventually(lambda: self.counters()[0] == 0, "nobody is left")
        before, memory = self.state(), proc.own_memory(self.d.pid)
        kernel = proc.kernel_memory()
        sampler = Sampler(self.d.pid)
        pair = self.pair(3600 if until_done else size(*seconds))
        programs = [start() for start in attacks]
        if meanwhile:
            meanwhile(pair)
        if until_done:
            done = [p.wait() for p in programs]
            under = pair.stop()
        else:
            under = pair.wait()
            done = [p.stop() for p in programs]
        sampler.stop()
        crowd = clients + 2 * PAIRS
        allowed = memory + Bound(self.config).total(crowd, full,
                                                    rooms + PAIRS)
        try:
            self.check_return(before, memory)
        finally:
            self.report(title, rest, under, memory, sampler, allowed, done,
                        kernel)
        if not SANITIZED:
            self.assertLess(sampler.peak, allowed, title)

    def check_return(self, before, memory):
        """Afterwards everything is back at the start."""
        eventually(lambda: self.counters()[0] == before[0],
                   "the clients are gone")
        eventually(lambda: self.state() == before,
                   "clients, rooms, descriptors are %s, not %s" % (
                       before, self.state()))
        if SANITIZED:
            return
        most = memory * 1.5 + (1 << 20)
        try:
            eventually(lambda: proc.own_memory(self.d.pid) <= most,
                       "memory is given back", 20)
        except AssertionError:
            self.fail("memory: %d KB at the start, %d KB now" % (
                memory >> 10, proc.own_memory(self.d.pid) >> 10))

    def report(self, title, rest, under, memory, sampler, allowed, done,
               kernel):
        row = {"title": title, "rest": rest, "under": under,
               "start_kb": memory >> 10, "peak_kb": sampler.peak >> 10,
               "allowed_kb": allowed >> 10, "after_kb":
               proc.own_memory(self.d.pid) >> 10, "attackers": done,
               "kernel_kb": max(sampler.kernel - kernel, 0) >> 10}
        print("%s\n    honest p50/p99/max: %s at rest, %s under it\n"
              "    memory: %d KB before, %d KB at most (limits allow %d KB), "
              "%d KB after\n    attackers: %s" % (
                  title, times(rest), times(under), row["start_kb"],
                  row["peak_kb"], row["allowed_kb"], row["after_kb"], done),
              flush=True)
        if "ABUSE_REPORT" in os.environ:
            with open(os.environ["ABUSE_REPORT"], "a",
                      encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")


def times(sample):
    return "%.2f/%.2f/%.2f ms" % tuple(
        sample[k] / 1000 for k in ("p50", "p99", "max"))


def main():
    for name in ("ATTACK", "PAIR"):
        if name not in os.environ:
            sys.exit("set %s to the program built here" % name)
    case.main()
