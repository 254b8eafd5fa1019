#!/usr/bin/env python3
"""Rooms and names: up to every limit, and as fast as possible."""

from banter.wait import eventually
from scenario import PAIRS, Case, main, size


class Rooms(Case):

    CONFIG = ("max-clients 3000\nmax-per-host 3000\nlog-level notice\n"
              "stall-timeout 5\n")

    def test_join_and_leave(self):
        self.server(self.CONFIG + "rate off\n")
        self.scenario("join and leave as fast as possible", self.begin(
            "-n", 20, "-r", "-e", r"/join x%d\n/join all\n/leave\n/leave\n"),
            clients=20, full=20, rooms=21)

    def test_rename(self):
        rooms = "".join(r"/join r%d\n" % n for n in range(10))
        self.server(self.CONFIG + "rate off\n")
        self.scenario("30 in 10 shared rooms rename without end", self.begin(
            "-n", 30, "-r", "-p", rooms, "-e", r"/nick a%d\n/nick b%d\n"),
            clients=30, full=30, rooms=10)

    def test_every_limit(self):
        """All the rooms, each with the longest topic and a full history, and
        names as long as they can be."""
        n = size(60, 500)
        self.server(self.CONFIG + "rate off\nmax-rooms %d\n" % (n + 10))
        text = r"\x80" * 1000
        self.scenario("%d rooms, each with all that it can hold" % n,
                      self.begin("-n", n, "-S", n, "-r", "-p", (
                          r"/nick %d_%d" + "n" * 10 + r"\n/join r%d"
                          + "m" * 20 + r"\n/topic " + text + r"\n/away "
                          + text + r"\n").replace("%d_%d", "n%d")
                          + (text + r"\n") * 50),
                      clients=n, full=n, rooms=n)

    def test_more_rooms_than_there_are(self):
        self.server(self.CONFIG + "rate off\n")
        n = size(60, 500)
        joins = "".join(r"/join r%%dx%d\n" % n for n in range(25))
        self.scenario("20 rooms each, and more rooms than max-rooms",
                      self.begin("-n", n, "-S", n, "-r", "-p", joins,
                                 "-e", r"/join another%d\n"),
                      clients=n, rooms=500)

    def test_all_rooms_for_one_host(self):
        """However many connections it has, it makes a few rooms, and others
        make theirs."""
        self.server(self.CONFIG + "rate off\n")
        joins = "".join(r"/join r%%dx%d\n" % n for n in range(25))

        def others(_pair):
            eventually(lambda: self.counters()[1] > 25, "all it may make")
            one = self.d.guest("other", source="127.7.7.7")
            one.join("#mine")
            self.assertLess(self.counters()[1], 25 + 10 + PAIRS)
            one.hang_up()

        self.scenario("50 of one host make all rooms they can",
                      self.begin("-n", 50, "-r", "-p", joins, "-e",
                                 r"/join another%d\n"),
                      clients=50, rooms=25, meanwhile=others)

    def test_lists(self):
        rooms = "".join(r"/join r%%dx%d\n" % n for n in range(19))
        self.server(self.CONFIG)
        self.scenario("50 ask for 470 rooms, 20 lines at once", self.begin(
            "-n", 25, "-S", 25, "-r", "-p", rooms + r"/rooms\n" * 20),
            self.begin(
            "-n", 25, "-r", "-e", r"/rooms\n"), seconds=(4, 20),
            clients=50, full=50, rooms=500)

    def test_long_lines_at_once(self):
        """A host's whole burst, each byte of which becomes three, to a crowd
        that reads as fast as it can: nobody loses a line."""
        n = size(200, 900)
        self.server(self.CONFIG)
        arena = r"/join arena\n/leave #lobby\n"
        self.scenario("50 say 20 lines of 3 KB at once to %d" % n, self.begin(
            "-n", n, "-S", 20, "-r", "-p", arena), self.begin(
            "-n", 50, "-r", "-p", arena + (r"\x80" * 1020 + r"\n") * 18),
            seconds=(4, 20), clients=n + 50, full=n + 50, rooms=1)
        self.assertEqual(self.skipped(), 0)

    def test_kick_and_come_back(self):
        self.server(self.CONFIG + "rate off\n")
        self.scenario("kicked and back again without end", self.begin(
            "-r", "-p", r"/join arena\n", "-e", "".join(
                r"/kick victim%d\n/invite victim%d\n" % (n, n)
                for n in range(10))), self.begin(
            "-n", 10, "-r", "-p", r"/nick victim%d\n", "-e",
            r"/join arena\n"), clients=11, full=11, rooms=1)

    def test_sets_that_strangers_fill(self):
        """Who is ignored and who was told of one's being away: each is
        somebody new who comes, writes and goes."""
        self.server(self.CONFIG + "rate off\n")
        names = "".join(r"/ignore s%d\n" % n for n in range(64))
        self.scenario("strangers come and go: ignore and away lists",
                      self.begin("-n", 5, "-r", "-p", r"/nick victim%d\n"
                                 r"/away gone\n", "-e", names),
                      self.begin("-n", 64, "-S", 50, "-CX", "-p",
                                 r"/nick s%d\n/msg victim0 hello\n"
                                 r"/msg victim1 hello\n"),
                      clients=300, full=5, rooms=1)

    def test_bells(self):
        """Names and lines made to be hard to compare."""
        self.server(self.CONFIG)
        self.scenario("24 bells for names that are all one letter", *[
            self.begin("-r", "-p", "/nick %s\\n/set bell on\\n"
                       "/set quiet on\\n" % ("a" * n))
            for n in range(1, 25)], self.begin(
                "-n", 20, "-r", "-e", "a" * 1000 + r"\n"),
            seconds=(4, 20), clients=44, full=44, rooms=1)

    def test_many_bells(self):
        n = size(100, 900)
        self.server(self.CONFIG)
        self.scenario("50 say many short words to %d bells" % n, self.begin(
            "-n", n, "-r", "-p", r"/nick p%d\n/set bell on\n"), self.begin(
            "-n", 50, "-r", "-e", "p. " * 300 + r"\n"),
            seconds=(4, 20), clients=n + 50, full=n + 50, rooms=1)

    def test_history_of_the_ignored(self):
        n = size(100, 900)
        self.server(self.CONFIG + "rate 1000 5\n")
        ignore = "".join(r"/ignore p%d\n" % i for i in range(n))
        self.scenario("50 who ignore %d ask for /history 1" % n, self.begin(
            "-n", n, "-r", "-p", r"/nick p%d\nhello\n"), self.begin(
            "-n", 50, "-r", "-p", ignore, "-e", r"/history 1\n"),
            seconds=(4, 20), clients=n + 50, full=n + 50, rooms=1)


if __name__ == "__main__":
    main()
