#!/usr/bin/env python3
"""Clients that do not read: what waits for them is bounded."""

from scenario import Case, main, size


LONG_LINE = "y" * 1000 + r"\n"


class Readers(Case):

    CONFIG = ("max-clients 3000\nmax-per-host 3000\nrate off\n"
              "log-level notice\nsend-queue 64K\n")

    def test_a_busy_room(self):
        n = size(200, 1000)
        self.server(self.CONFIG)
        self.scenario("%d that don't read in a busy room" % n, self.begin(
            "-n", n, "-S", 50, "-B", 4096, "-p", r"/join busy\n"),
            self.begin("-n", 1, "-p", r"/join busy\n", "-d", 1, "-e", "talk "
                       + LONG_LINE, "-r"),
            self.begin("-n", 4, "-r", "-p", r"/join busy\n",
                       "-b", size(64 << 20, 256 << 20), "-e", LONG_LINE),
            clients=n + 5, full=n + 5, rooms=1)

    def test_a_busy_room_with_the_default_queue(self):
        n = size(60, 1000)
        self.server(self.CONFIG.replace("send-queue 64K\n", ""))
        self.scenario("%d that don't read, send-queue 256K" % n, self.begin(
            "-n", n, "-S", 50, "-B", 4096, "-p", r"/join busy\n"),
            self.begin("-n", 2, "-r", "-p", r"/join busy\n", "-e", LONG_LINE),
            clients=n + 2, full=n + 2, rooms=1)

    def test_private_lines(self):
        self.server(self.CONFIG)
        self.scenario("private lines to one who doesn't read", self.begin(
            "-B", 4096, "-p", r"/nick sleeper\n"),
            self.begin("-n", 10, "-r", "-e", "/msg sleeper " + LONG_LINE),
            clients=11, full=11)

    def test_answers_that_others_cause(self):
        """Kicks and being made to run a room are told at once, always; who
        does not read must not hoard them."""
        self.server(self.CONFIG + "max-joined 200\nmax-rooms 1000\n")
        rooms = "".join(r"/join r%d\n" % n for n in range(150))
        kicks = "".join(r"/join r%d\n/kick sleeper %s\n" % (n, "z" * 900)
                        for n in range(150))
        self.scenario("kicked from 150 rooms while not reading",
                      self.begin("-n", 1, "-r", "-p", rooms),
                      self.begin("-B", 4096, "-e", rooms,
                                 "-p", r"/nick sleeper\n"),
                      self.begin("-n", 2, "-r", "-p", r"/nick op\n" + rooms,
                                 "-e", kicks),
                      clients=5, full=5, rooms=150)

    def test_history_without_reading(self):
        self.server(self.CONFIG)
        self.scenario("/history, /help, /rooms and /whois without reading",
                      self.begin("-n", 50, "-p", (r"\x80" * 1000 + r"\n") * 50,
                                 "-e", r"/history\n/help\n/rooms\n/who\n"),
                      clients=50, full=50, rooms=1)


if __name__ == "__main__":
    main()
