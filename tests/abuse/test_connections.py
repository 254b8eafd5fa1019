#!/usr/bin/env python3
"""Connections: very many, very short, half-closed, broken off anywhere."""

from banter import proc
from banter.wait import eventually
from scenario import Case, main, size

# What a client may be in the middle of when it is gone.
STATES = {
    "greeted": "",
    "in a line": "unfinished",
    "in a command": "/jo",
    "in telnet": r"\xff\xfb",
    "in a subnegotiation": r"\xff\xfa\x18endless",
    "in rooms": r"/nick x%d\n/join a\n/join b%d\nhello\n",
    "in a long line": "x" * 3000,
    "saying goodbye": r"/quit bye\n",
    "with answers on their way": r"/help\n/rooms\n/history\n" * 8,
}


class Connections(Case):

    CONFIG = ("max-clients 12000\nmax-per-host 12000\nmax-rooms 12000\n"
              "log-level notice\n")

    def test_many_that_say_nothing(self):
        n = size(1500, 10000)
        self.server(self.CONFIG)
        self.scenario("%d connections that say nothing" % n,
                      self.begin("-n", n, "-S", 100), clients=n)

    def test_many_over_a_unix_socket(self):
        n = size(1000, 10000)
        self.server(self.CONFIG)
        self.scenario("%d connections over a UNIX socket" % n,
                      self.begin("-n", n, address=2), clients=n)

    def test_connect_and_close(self):
        self.server(self.CONFIG)
        self.scenario("connect and close, one core", self.begin(
            "-n", 64, "-S", 100, "-CX"), seconds=(2, 60), clients=256)

    def test_connect_and_close_politely(self):
        """By FIN: the ports stay taken for a minute, so it is many sources."""
        self.server(self.CONFIG)
        self.scenario("connect and half-close, one core", self.begin(
            "-n", 64, "-S", 250, "-C"), seconds=(2, 30), clients=256)

    def test_a_line_from_each_address(self):
        """What is remembered of addresses that have left has its bound."""
        self.server(self.CONFIG)
        self.scenario("a line from each of 40,000 addresses", self.begin(
            "-n", 64, "-S", 40000, "-CX", "-p", r"/set\n"),
            seconds=(4, 60), clients=256)

    def test_connect_and_close_with_a_full_history(self):
        self.server(self.CONFIG)
        lines = r"\x80" * 1020 + r"\n"
        speaker = self.attack("-r", "-p", lines * 20 + r"/quit\n")
        eventually(lambda: self.counters()[0] == 0, "it has quit")
        speaker.stop()
        self.scenario("connect and close, each is told 50 lines of 3 KB", self.begin(
            "-n", 64, "-S", 100, "-CX"), clients=256, full=256, rooms=1)

    def test_half_closed(self):
        n = size(300, 1000)
        self.server(self.CONFIG)
        self.scenario("%d half-closed clients" % n, self.begin(
            "-n", n, "-S", 100, "-HB4096", "-p", r"hello\n" + r"/help\n" * 12),
            clients=n, full=n)

    def test_leaving_without_reading(self):
        """Who leaves but does not read what is left for it stays counted: one
        host cannot have more than max-per-host, and another gets in."""
        self.server("stall-timeout 20\nlog-level notice\n", rate="off")
        line = r"\x80" * 1020 + r"\n"
        speaker = self.attack("-r", "-p", line * 60 + r"/quit\n")
        eventually(lambda: self.counters()[0] == 0, "it has quit")
        speaker.stop()
        before = proc.descriptors(self.d.pid)
        attackers = [self.attack("-n", 100, "-S", 1, "-HB2304")
                     for _ in range(5)]
        held = proc.descriptors(self.d.pid) - before
        print("descriptors held by one host: %d" % held)
        self.assertLess(held, 50 + 40)
        self.d.guest("honest").hang_up()
        for attacker in attackers:
            attacker.stop()
        eventually(lambda: proc.descriptors(self.d.pid) == before,
                   "all are given back")

    def test_reset_in_each_state(self):
        self.server(self.CONFIG + "history 10\n")
        self.scenario("reset in the middle of %d states" % len(STATES), *[
            self.begin("-n", 8, "-S", 100, "-CX", "-p", prelude)
            for prelude in STATES.values()], clients=1000, full=200,
            rooms=400)

    def test_reset_at_the_password(self):
        self.server(self.CONFIG + 'password "open sesame"\nlogin-timeout 5\n')
        self.d.stop()		# the pairs know no password
        config = self.config.replace("log-level notice", "log-level info")
        self.d = self.daemon(config + "default-room none\n", rate=None)
        before = self.state()
        attackers = [self.attack("-n", 8, "-S", 100, "-CX", "-p", prelude)
                     for prelude in ("/pa", r"/pass wrong\n", r"hello\n",
                                     r"/pass open sesame\n")]
        # Their hosts have wrong tries, so they wait, and are gone by then.
        self.d.wait_log(r"guest\d+ at \S+ connected")
        for attacker in attackers:
            attacker.stop()
        eventually(lambda: self.state() == before,
                   "all is back at the start", 90)

    def test_come_again_to_say_more(self):
        """A new connection is no way round the rate."""
        self.server("max-per-host 50\nlog-level notice\n")
        crowd = self.begin("-n", 150, "-S", 10, "-r", "-p", r"/set quiet on\n")
        self.scenario("20 lines, close, and again: one host, 150 hear it",
                      crowd, self.begin("-n", 8, "-S", 1, "-CX", "-p",
                                        r"spam spam\n" * 19),
                      clients=400, rooms=1)


if __name__ == "__main__":
    main()
