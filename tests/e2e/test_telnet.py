#!/usr/bin/env python3
"""Telnet in the byte stream: bytes in; answer and text out."""

from banter.case import Case, main
from banter.client import settle
from banter.line import FFFD, rx

IAC = b"\xff"
(SE, NOP, DM, BRK, IP, AO, AYT, EC, EL, GA, SB, WILL, WONT, DO, DONT) = (
    IAC + bytes([code]) for code in range(240, 255))
ECHO, SGA, TM, TTYPE, NAWS, LINEMODE = (
    bytes([option]) for option in (1, 3, 6, 24, 31, 34))
YES = b"* Yes.\r\n"

# what alice sends, the bytes that she gets, the lines that bob reads
TABLE = [
    # requests and offers are refused, each once
    (WILL + ECHO, DONT + ECHO, []),
    (DO + ECHO, WONT + ECHO, []),
    (WILL + SGA + DO + SGA, DONT + SGA + WONT + SGA, []),
    (DO + NAWS + DO + NAWS, (WONT + NAWS) * 2, []),
    (WILL + b"\x00" + DO + b"\x00", DONT + b"\x00" + WONT + b"\x00", []),
    (WILL + b"\xfe" + DO + b"\xfe", DONT + b"\xfe" + WONT + b"\xfe", []),
    # an option's number may look like text, or like the end of a line
    (DO + b"\n" + DO + b"\r", WONT + b"\n" + WONT + b"\r", []),
    (WILL + b"a" + DO + b"\x7f", DONT + b"a" + WONT + b"\x7f", []),
    # refusals are never answered
    (WONT + ECHO + DONT + ECHO, b"", []),
    (WONT + TM + DONT + TM, b"", []),
    # the timing mark
    (DO + TM, WILL + TM, []),
    (DO + TM + DO + TM, (WILL + TM) * 2, []),
    (WILL + TM, DONT + TM, []),
    (IP + DO + TM + b"\n", WILL + TM, []),
    # negotiation within text
    (b"he" + DO + ECHO + b"llo\n", WONT + ECHO, ["hello"]),
    (b"one\n" + WILL + SGA + b"two\n", DONT + SGA, ["one", "two"]),
    (b"caf\xc3" + NOP + b"\xa9\n", b"", ["café"]),
    (b"\xe2" + WONT + SGA + b"\x82" + NOP + b"\xac\n", b"", ["€"]),
    (b"/m" + DO + ECHO + b"e waves\n", WONT + ECHO, ["* waves"]),
    # are you there
    (AYT, YES, []),
    (AYT + AYT, YES * 2, []),
    (b"hel" + AYT + b"lo\n", YES, ["hello"]),
    # erase a character, erase the line
    (b"helo" + EC + b"lo\n", b"", ["hello"]),
    (EC + EC + b"hello\n", b"", ["hello"]),
    ("x€".encode() + EC + b"y\n", b"", ["xy"]),
    (b"ab" + EC + EC + EC + b"c\n", b"", ["c"]),
    (b"a\x80" + EC + b"b\n", b"", ["ab"]),
    (b"/quitt" + EL + b"hello\n", b"", ["hello"]),
    (EL + b"hello\n", b"", ["hello"]),
    (b"one\ntwo" + EL + b"three\n", b"", ["one", "three"]),
    (b"gone" + EL + b"\n", b"", []),
    # interrupt drops the line
    (b"never said" + IP + b"hello\n", b"", ["hello"]),
    (b"never said" + IP + b"\n", b"", []),
    (b"said\n" + IP, b"", ["said"]),
    # what has no meaning here
    (b"a" + NOP + b"b" + DM + b"c" + GA + b"d" + SE + b"e\n", b"", ["abcde"]),
    (AO + b"hello\n" + BRK, b"", ["hello"]),
    (b"hel" + IAC + b"\xec" + IAC + b"\xed" + b"lo\n", b"", ["hello"]),
    # the byte 0xff itself
    (b"a" + IAC + IAC + b"b\n", b"", ["a" + FFFD + "b"]),
    (IAC + IAC + IAC + IAC + b"\n", b"", [FFFD * 2]),
    (IAC + IAC + DO + ECHO + b"\n", WONT + ECHO, [FFFD]),
    # subnegotiation
    (SB + TTYPE + b"\x00VT100" + SE + b"hello\n", b"", ["hello"]),
    (b"he" + SB + NAWS + b"\x00\x50\x00\x18" + SE + b"llo\n", b"", ["hello"]),
    (SB + NAWS + IAC + IAC + b"\x00" + IAC + IAC + SE + b"x\n", b"", ["x"]),
    (SB + LINEMODE + b"a\nb\r\nc\r\0" + SE + b"x\n", b"", ["x"]),
    (SB + SE + b"x\n", b"", ["x"]),
    (SB + TTYPE + b"\xf0\xf0\xfb" + SE + b"x\n", b"", ["x"]),
    # ends of lines
    (NOP + b"one\r\0two\r\nthree\n", b"", ["one", "two", "three"]),
    (b"one\r" + NOP + b"\ntwo\n", b"", ["one", "two"]),
]


class Telnet(Case):

    def setUp(self):
        super().setUp()
        self.server = self.daemon()
        self.bob = self.server.client("bob")
        self.witness = self.server.client("witness", "#witness")
        self.witness.leave("#lobby")
        self.alice = self.server.client("alice", telnet=True)
        settle(self.bob, self.alice)

    def heard(self, texts):
        for text in texts:
            if text.startswith("* "):
                self.bob.expect("[#lobby] * alice " + text[2:])
            else:
                self.bob.expect("[#lobby] alice: " + text)

    def done(self):
        """What was sent is carried out, and nothing else was answered."""
        self.alice.raw(EL)
        self.alice.silence()
        self.bob.silence()


class Table(Telnet):

    def test_at_once(self):
        for given, answer, texts in TABLE:
            with self.subTest(given):
                self.alice.raw(given)
                self.alice.receive(answer)
                self.heard(texts)
                self.done()

    def test_byte_by_byte(self):
        for given, answer, texts in TABLE:
            with self.subTest(given):
                self.alice.pieces(given, self.witness)
                self.alice.receive(answer)
                self.heard(texts)
                self.done()

    def test_cut_in_two(self):
        """Every row, cut at every place, in two segments."""
        for given, answer, texts in TABLE:
            for cut in range(1, len(given)):
                self.alice.raw(given[:cut])
                self.witness.sync()
                self.alice.raw(given[cut:])
                self.alice.receive(answer)
                self.heard(texts)
            self.done()

    def test_all_in_a_row(self):
        self.alice.raw(b"".join(given + EL for given, _, _ in TABLE))
        self.alice.receive(b"".join(answer for _, answer, _ in TABLE))
        for _, _, texts in TABLE:
            self.heard(texts)
        self.done()


class Requests(Telnet):

    def test_every_option(self):
        for option in range(255):
            opt = bytes([option])
            self.alice.raw(WILL + opt + DO + opt)
            self.alice.receive(
                DONT + opt + (WILL if opt == TM else WONT) + opt)
        self.done()

    def test_refusals_of_every_option(self):
        self.alice.raw(b"".join(verb + bytes([option])
                                for option in range(255)
                                for verb in (WONT, DONT)))
        self.done()

    def test_a_storm_gets_one_answer_each(self):
        for _ in range(40):
            self.alice.raw((DO + ECHO) * 1000)
            self.alice.receive((WONT + ECHO) * 1000)
        self.done()

    def test_no_loop(self):
        """A peer that answers every refusal with a refusal is not answered."""
        self.alice.raw(DO + ECHO)
        self.alice.receive(WONT + ECHO)
        self.alice.raw(DONT + ECHO)
        self.alice.raw(WILL + ECHO)
        self.alice.receive(DONT + ECHO)
        self.alice.raw(WONT + ECHO)
        self.done()

    def test_the_first_bytes_of_all(self):
        """A telnet that negotiates before it has read anything."""
        for start in (DO + SGA + WILL + TTYPE, AYT, SB + TTYPE + SE + AYT):
            with self.subTest(start):
                one = self.server.connect("one", telnet=True)
                one.raw(start + b"/quit\r\n")
                until = one.sock.makefile("rb").read()
                plain = (until.replace(WONT + SGA, b"")
                         .replace(DONT + TTYPE, b""))
                self.assertNotIn(IAC, plain)
                self.assertEqual(len(until) - len(plain),
                                 6 if start.startswith(DO) else 0)
                self.assertTrue(plain.startswith(b"* Welcome to banter"))
                self.assertEqual(YES in plain, AYT in start)
                self.assertTrue(plain.endswith(b"* Bye.\r\n"))

    def test_plain_connections_never_see_an_iac(self):
        self.alice.raw(DO + TM + WILL + ECHO + AYT + b"hello" + IAC + IAC
                       + b"\n")
        self.bob.expect("[#lobby] alice: hello" + FFFD)	# checks each byte
        self.bob.silence()


class Subnegotiation(Telnet):

    def test_of_any_length(self):
        self.alice.raw(b"he" + SB + TTYPE)
        chunk = (b"0123456789\r\n\r\0/quit\n" * 5000)
        for _ in range(100):
            self.alice.raw(chunk)
        self.bob.silence()
        self.alice.raw(SE + b"llo\n")
        self.bob.expect("[#lobby] alice: hello")
        self.done()

    def test_never_finished(self):
        self.alice.raw(b"he" + SB + TTYPE + b"for ever")
        self.alice.half_close()
        self.bob.expect("[#lobby] alice: he", "[#lobby] -- alice left")
        self.alice.ends_with()

    def test_does_not_count_as_length(self):
        extra = SB + NAWS + b"x" * 4000 + SE + DO + TM + WONT + ECHO + NOP
        self.alice.raw(b"x" * 512 + extra + b"y" * 512 + extra + b"\n")
        self.alice.receive((WILL + TM) * 2)
        self.bob.expect("[#lobby] alice: " + "x" * 512 + "y" * 512)
        self.alice.raw(b"x" * 1024 + extra + b"y\n")
        # the error comes when the line is known to be too long, after the mark
        self.alice.receive(WILL + TM)
        self.alice.expect(
            "! Line too long (limit 1024 bytes); it was not sent.")
        self.done()


class LongLines(Telnet):

    def test_iac_iac_counts_as_one(self):
        self.alice.raw(IAC + IAC + b"x" * 1023 + b"\n")
        self.bob.expect("[#lobby] alice: " + FFFD + "x" * 1023)
        self.alice.raw(IAC + IAC + b"x" * 1024 + b"\n")
        self.alice.expect(
            "! Line too long (limit 1024 bytes); it was not sent.")

    def test_el_and_ip_within_a_line_too_long(self):
        """They begin the line anew, or leave it lost: it is never said."""
        for verb in (EL, IP):
            self.alice.raw(b"x" * 2000 + verb + b"\n")
            self.alice.expect(
                "! Line too long (limit 1024 bytes); it was not sent.")
            self.done()
            self.alice.raw(b"after\n")
            self.bob.expect("[#lobby] alice: after")


class Ends(Telnet):

    def test_half_a_command_at_the_end(self):
        for tail in (IAC, DO, SB, SB + TTYPE, SB + TTYPE + IAC):
            with self.subTest(tail):
                one = self.server.client("one", telnet=True)
                one.raw(b"last" + tail)
                one.half_close()
                one.ends_with()
                self.bob.until("[#lobby] one: last")
                # the sixth in a second would be summed up
                self.bob.until(rx(r"\[#lobby\] -- (one|1 person) left"))


if __name__ == "__main__":
    main()
