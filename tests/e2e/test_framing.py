#!/usr/bin/env python3
"""Where a line ends, and how long it may be."""

from banter.case import Case, main
from banter.client import settle
from banter.line import FFFD

TOO_LONG = "! Line too long (limit %d bytes); it was not sent."


class Pair(Case):

    config = ""

    def setUp(self):
        super().setUp()
        self.server = self.daemon(self.config)
        self.alice, self.bob = self.server.people("alice", "bob")

    def heard(self, *texts):
        for text in texts:
            self.bob.expect("[#lobby] alice: " + text)
        self.bob.silence()


class Ends(Pair):

    def test_lf(self):
        self.alice.raw(b"one\ntwo\n")
        self.heard("one", "two")

    def test_cr_lf(self):
        self.alice.raw(b"one\r\ntwo\r\n")
        self.heard("one", "two")

    def test_cr_nul(self):
        self.alice.raw(b"one\r\0two\r\0")
        self.heard("one", "two")

    def test_mixed(self):
        self.alice.raw(b"one\r\0two\nthree\r\nfour\r\0\nfive\n\r\n\r\0six\n")
        self.heard("one", "two", "three", "four", "five", "six")

    def test_cr_alone(self):
        self.alice.raw(b"one\rtwo\r\r\nthree\n\rfour\r")
        self.heard("one", "two", "three", "four")

    def test_one_lf_or_nul_belongs_to_a_cr(self):
        self.alice.raw(b"one\r\0\0\ntwo\r\n\0\n")
        self.heard("one", FFFD, "two", FFFD)

    def test_nul_alone_ends_nothing(self):
        self.alice.raw(b"one\0two\n\0\n")
        self.heard("one" + FFFD + "two", FFFD)

    def test_byte_by_byte(self):
        carol = self.server.client("carol")
        settle(self.alice, self.bob, carol)
        self.alice.pieces("hé\r\n€\r\0/me \U0001f600\nx\r\ry\r".encode(),
                          carol)
        self.bob.expect("[#lobby] alice: hé", "[#lobby] alice: €",
                        "[#lobby] * alice \U0001f600",
                        "[#lobby] alice: x", "[#lobby] alice: y")

    def test_an_unfinished_line_waits(self):
        self.alice.raw(b"hel")
        self.bob.silence()
        self.alice.raw(b"lo\n")
        self.heard("hello")

    def test_a_cr_waits_for_nothing(self):
        """What belongs to it may come later, or never."""
        for late in (b"\n", b"\0", b""):
            self.alice.raw(b"hello\r")
            self.heard("hello")
            self.alice.raw(late + b"/set\r")
            self.alice.notice("time off")
            self.alice.silence()

    def test_many_lines_in_one_piece(self):
        texts = ["line %d" % i for i in range(1000)]
        self.alice.send(*texts)
        self.alice.sync()
        self.heard(*texts)


class EndOfFile(Pair):

    config = "send-queue 2M"	# bob may be slower than alice

    def test_last_line_without_a_newline(self):
        self.alice.raw(b"one\nlast words")
        self.alice.half_close()
        self.bob.expect("[#lobby] alice: one", "[#lobby] alice: last words",
                        "[#lobby] -- alice left")
        self.alice.ends_with()

    def test_last_line_with_a_cr(self):
        self.alice.raw(b"last words\r")
        self.alice.half_close()
        self.bob.expect("[#lobby] alice: last words", "[#lobby] -- alice left")

    def test_closed_whole(self):
        self.alice.raw(b"one\nlast words")
        self.alice.close()
        self.bob.expect("[#lobby] alice: one", "[#lobby] alice: last words",
                        "[#lobby] -- alice left")

    def test_a_last_command_is_carried_out_and_answered(self):
        self.alice.raw(b"/nick ann\n/join #ops\n/topic tea\n/who")
        self.alice.half_close()
        lines = self.alice.rest()
        self.assertEqual(lines[0], "* You are now ann.")
        self.assertRegex(lines[1], r"^\* You are in #ops \(1 here")
        self.assertEqual(lines[-1], "* #ops (1): @ann")

    def test_half_closed_at_once(self):
        one = self.server.connect("one")
        one.raw(b"/nick one\nhello\n/msg bob psst\n")
        one.half_close()
        lines = one.rest()
        self.assertEqual(lines[0], "* Welcome to banter on box.")
        self.assertEqual(lines[-1], "* You are now one.")
        self.bob.until("[#lobby] one: hello")
        self.bob.expect("[private] one: psst", "[#lobby] -- one left")

    def test_much_before_the_end(self):
        texts = ["line %d %s" % (i, "x" * 200) for i in range(2000)]
        self.alice.raw("\n".join(texts).encode())
        self.alice.half_close()
        for text in texts:
            self.bob.expect("[#lobby] alice: " + text)
        self.bob.expect("[#lobby] -- alice left")
        self.alice.ends_with()

    def test_many_answers_after_the_end(self):
        self.alice.raw(b"/help\n" * 2000 + b"/whois bob\n/quit")
        self.alice.half_close()
        lines = self.alice.rest()
        self.assertEqual(lines[-1], "* Bye.")
        self.assertGreater(len(lines), 2000)

    def test_nothing_at_all(self):
        one = self.server.connect("one")
        one.half_close()
        lines = one.rest()
        self.assertEqual(lines[0], "* Welcome to banter on box.")
        self.assertRegex(lines[1], r"^\* You are guest\d+ in #lobby \(3 here")
        self.assertEqual(len(lines), 2)


class Length(Pair):

    LIMIT = 1024

    def too_long(self):
        self.alice.expect(TOO_LONG % self.LIMIT)

    def test_edge(self):
        for end in (b"\n", b"\r\n", b"\r\0", b"\r"):
            for size in (self.LIMIT - 1, self.LIMIT):
                with self.subTest((end, size)):
                    self.alice.raw(b"x" * size + end)
                    self.heard("x" * size)
                    self.alice.silence()
            for size in (self.LIMIT + 1, self.LIMIT + 2, 5 * self.LIMIT):
                with self.subTest((end, size)):
                    self.alice.raw(b"x" * size + end + b"next\n")
                    self.too_long()
                    self.heard("next")
                    self.alice.silence()

    def test_edge_byte_by_byte(self):
        carol = self.server.client("carol")
        settle(self.alice, self.bob, carol)
        for size in (self.LIMIT, self.LIMIT + 1):
            self.alice.raw(b"x" * (size - 3))
            self.alice.pieces(b"xxx\r\n", carol)
        self.too_long()
        self.heard("x" * self.LIMIT)

    def test_answered_before_it_ends(self):
        self.alice.raw(b"x" * (self.LIMIT + 2))
        self.too_long()
        for _ in range(40):
            self.alice.raw(b"y" * 65536)
        self.bob.silence()
        self.alice.raw(b"\nnext\n")
        self.heard("next")
        self.alice.silence()

    def test_one_answer_each(self):
        self.alice.raw((b"x" * 3000 + b"\n") * 3 + b"ok\n")
        for _ in range(3):
            self.too_long()
        self.alice.silence()
        self.heard("ok")

    def test_a_command(self):
        self.alice.raw(b"/msg bob " + b"x" * self.LIMIT + b"\n")
        self.too_long()
        self.alice.raw(b"/topic " + b"x" * (self.LIMIT - 6) + b"\n")
        self.too_long()
        self.alice.silence()
        self.bob.silence()

    def test_the_largest_command(self):
        text = "x" * (self.LIMIT - len("/msg bob "))
        self.alice.send("/msg bob " + text)
        self.bob.expect("[private] alice: " + text)

    def test_bytes_not_characters(self):
        self.alice.raw("é".encode() * (self.LIMIT // 2) + b"\n")
        self.heard("é" * (self.LIMIT // 2))
        self.alice.raw("é".encode() * (self.LIMIT // 2) + b"x\n")
        self.too_long()

    def test_before_cleaning(self):
        self.alice.raw(b"\x01" * self.LIMIT + b"\n")
        self.heard(FFFD * self.LIMIT)
        self.alice.raw(b"x" * self.LIMIT + b"\x08\n")
        self.too_long()
        self.alice.raw(b"x" * (self.LIMIT - 1) + b"\x08\n")
        self.heard("x" * (self.LIMIT - 2))

    def test_at_the_end_of_file(self):
        self.alice.raw(b"ok\n" + b"x" * (self.LIMIT + 2))
        self.alice.half_close()
        self.alice.ends_with(TOO_LONG % self.LIMIT)
        self.bob.expect("[#lobby] alice: ok", "[#lobby] -- alice left")


class ShortLength(Length):

    LIMIT = 80
    config = "max-line 80"


class GreatLength(Pair):

    config = "max-line 8000"

    def test_a_longer_limit(self):
        self.alice.raw(b"x" * 8000 + b"\n")
        self.heard("x" * 8000)
        self.alice.raw(b"x" * 8001 + b"\n")
        self.alice.expect(TOO_LONG % 8000)


if __name__ == "__main__":
    main()
