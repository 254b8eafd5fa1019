#!/usr/bin/env python3
"""Input: slow, endless, without lines, without sense."""

from scenario import Case, main, size

# Each is sent again and again, by clients that read and by some that do not.
TELNET = {
    "are you there": r"\xff\xf6",
    "will and do, every option": "".join(
        r"\xff\xfb\x%02x\xff\xfd\x%02x" % (n, n) for n in range(250)),
    "subnegotiation without end": r"\xff\xfa\x1f" + "x" * 4000,
    "no operation": r"a\xff\xf1",
    "erase character": "x" * 1000 + r"\xff\xf7" * 1000 + r"\xff\xf8",
    "interrupt": r"half a line\xff\xf4",
    "synch": r"\xff\xf2\xff\xf2x",
}


class Input(Case):

    CONFIG = "max-clients 3000\nmax-per-host 3000\nlog-level notice\n"

    def test_one_byte_a_second(self):
        n = size(500, 1000)
        self.server(self.CONFIG)
        self.scenario("%d send one byte %s" % (n, size(
            "each 100 ms", "a second")), self.begin(
                "-n", n, "-S", 50, "-d", size(100, 1000),
                "-e", r"hello there\n"), clients=n)

    def test_sends_without_end_and_never_reads(self):
        self.server(self.CONFIG)
        self.scenario("20 send without end and never read", self.begin(
            "-n", 20, "-e", r"/help\nhello\n/nosuch\n"), clients=20, full=20)

    def test_sends_without_end_and_no_rate(self):
        self.server(self.CONFIG + "rate off\n")
        self.scenario("20 send without end and never read, rate off", self.begin(
            "-n", 20, "-e", r"/help\nhello\n/nosuch\n"), clients=20, full=20)

    def test_sends_without_end_over_a_unix_socket(self):
        self.server(self.CONFIG + "rate off\n")
        self.scenario("20 send without end over a UNIX socket, rate off", self.begin(
            "-n", 20, "-e", r"/help\nhello\n/nosuch\n", address=2),
            clients=20, full=20)

    def test_no_newline(self):
        n = size(64 << 20, 1 << 30)
        self.server(self.CONFIG + "rate off\n")
        self.scenario("%d MB without a newline, rate off" % (n >> 20), self.begin(
            "-b", n, "-r", "-e", "x" * 1000), clients=1, until_done=True)

    def test_only_newlines(self):
        self.server(self.CONFIG)
        self.scenario("200 send empty lines without end", self.begin(
            "-n", 200, "-e", r"\n"), clients=200)

    def test_telnet_storms(self):
        for name, pattern in TELNET.items():
            with self.subTest(name):
                self.server(self.CONFIG)
                self.scenario("telnet: " + name, self.begin(
                    "-n", 20, "-r", "-e", pattern), self.begin(
                    "-n", 5, "-e", pattern), seconds=(1, 20),
                    clients=25, full=25)

    def test_erasing_the_longest_lines(self):
        self.server(self.CONFIG + "max-line 16384\n")
        self.scenario("telnet: erase character, max-line 16384", self.begin(
            "-n", 20, "-e", "x" * 16000 + r"\xff\xf7" * 16000 + r"\xff\xf8"),
            clients=20)

    def test_bytes_that_are_no_text(self):
        self.server(self.CONFIG)
        self.scenario("bytes that are no text", self.begin(
            "-n", 50, "-r", "-e", r"\x80\xc0\xaf\xed\xa0\x80\x1b[2J\x08" * 90
            + r"\n"), clients=50, full=50)


if __name__ == "__main__":
    main()
