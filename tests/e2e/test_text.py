#!/usr/bin/env python3
"""What text looks like after it was cleaned: bytes in, bytes out."""

import sys
import unicodedata

from banter.case import Case, SharedCase, main
from banter.client import settle

R = b"\xef\xbf\xbd"		# U+FFFD


def utf8(number):
    """A code point's bytes, were it allowed or not."""
    return chr(number).encode("utf-8", "surrogatepass")


# what is sent as a line -> what the others read after "[#lobby] alice: "
KEPT = [
    b"plain", b"\ttab\tand tab\t", "äöü ßÿ".encode(), "日本語".encode(),
    "\U0001f600\U0001f469\u200d\U0001f4bb".encode(), "e\u0301".encode(),
    b"x\xc2\xa0", b"\xdf\xbf", b"\xe0\xa0\x80", b"\xed\x9f\xbf",
    b"\xee\x80\x80", b"\xef\xbf\xbd",
    b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf", "שלום \u200e\u200f".encode(),
    "\u2027\u202f\u205f.\u2070".encode(), "❤\ufe0f\u200d🔥".encode(),
    ("e" + "\u0301" * 8).encode(), "\u061cسلام می\u200cخواهم".encode(), b"$(reboot) `reboot` %s%n \\e[31m",
]

CHANGED = [
    # bytes that are not UTF-8, each on its own
    (b"a\x80b", b"a" + R + b"b"),
    (b"a\xbfb", b"a" + R + b"b"),
    (b"caf\xe9 au lait", b"caf" + R + b" au lait"),
    (b"\xfe\xfd", R * 2),
    (b"\xf8\x88\x80\x80\x80", R * 5),
    (b"\xfc\x84\x80\x80\x80\x80", R * 6),
    (b"\xc3(", R + b"("),
    (b"\xa0\xa1", R * 2),
    (b"\xc3", R),
    (b"\xe2\x82", R * 2),
    (b"\xe2\x82x", R * 2 + b"x"),
    (b"\xe2(\xa1", R + b"(" + R),
    (b"\xf0\x9f\x98", R * 3),
    (b"\xf0\x9f\x98x", R * 3 + b"x"),
    (b"\xf0(\x8c\xbc", R + b"(" + R * 2),
    (b"\xc3\xc3\xa9", R + b"\xc3\xa9"),
    (b"\xe2\x82\xe2\x82\xac", R * 2 + b"\xe2\x82\xac"),
    (b"\xf0\x9f\xc3\xa9", R * 2 + b"\xc3\xa9"),
    # overlong forms
    (b"\xc0\xaf", R * 2),
    (b"\xc1\xbf", R * 2),
    (b"\xc0\x80", R * 2),
    (b"\xe0\x80\xaf", R * 3),
    (b"\xe0\x9f\xbf", R * 3),
    (b"\xf0\x80\x80\xaf", R * 4),
    (b"\xf0\x8f\xbf\xbf", R * 4),
    (b"\xe0\x80\x9b[31m", R * 3 + b"[31m"),
    # beyond U+10FFFF
    (b"\xf4\x90\x80\x80", R * 4),
    (b"\xf5\x80\x80\x80", R * 4),
    (b"\xf7\xbf\xbf\xbf", R * 4),
    # surrogates
    (b"\xed\xa0\x80", R * 3),
    (b"\xed\xbf\xbf", R * 3),
    (b"\xed\xa0\xbd\xed\xb8\x80", R * 6),
    # what a terminal would obey
    (b"\x1bc", R + b"c"),
    (b"\x1b]0;title\x07", R + b"]0;title" + R),
    (b"\xc2\x9b31m", R + b"31m"),
    (b"\x9b31m", R + b"31m"),
    (b"a\x00b", b"a" + R + b"b"),
    (b"\x0b\x0c\x0e\x0f", R * 4),
    # BS and DEL take the character before them
    (b"helo\x08lo", b"hello"),
    (b"helo\x7flo", b"hello"),
    (b"abc\x08\x08\x08xyz", b"xyz"),
    (b"\x08\x7fabc", b"abc"),
    (b"ab\x08\x08\x08\x08cd", b"cd"),
    ("naïï".encode() + b"\x08ve", "naïve".encode()),
    ("€uro".encode() + b"\x7f" * 4 + b"x", b"x"),
    ("\U0001f600".encode() + b"\x08:)", b":)"),
    (b"a\xff\xff\x08b", b"ab"),
    (b"a\x80\x08b", b"ab"),
    (b"a\x1b\x08b", b"ab"),
    (b"a\xc3\x08\xa9b", b"a" + R + b"b"),
    (b"x\t\x08y", b"xy"),
    (b"/\x08hello", b"hello"),
    # whole escape sequences are what an arrow or a function key sends
    (b"a\x1b[31mred\x1b[0m", b"ared"),
    (b"hell\x1b[D\x1b[1;5C\x1b[3~o", b"hello"),
    (b"hell\x1bOA\x1bOPo", b"hello"),
    (b"hell\x1b[[A\x1b[[Eo", b"hello"),
    (b"hellp\x1b[D\x08o", b"hello"),
    # and others are none
    (b"a\x1b[", b"a" + R + b"["),
    (b"a\x1b[1;2", b"a" + R + b"[1;2"),
    (b"a\x1bO", b"a" + R + b"O"),
    (b"a\x1b\x1b[Db", b"a" + R + b"b"),
    (b"a\x1b[\x08[Db", b"a" + R + b"[Db"),
    # Ctrl-W takes the word
    (b"say wrod\x17word", b"say word"),
    (b"say wrod \t\x17word", b"say word"),
    ("say wröd".encode() + b"\x80\x17word", b"say word"),
    # Ctrl-D in the midst of it is a character
    (b"a\x04", b"a" + R),
]
CHANGED += [(b"a" + bytes([c]) + b"b", b"a" + R + b"b") for c in range(1, 0x20) 
            if c not in (0x08, 0x09, 0x0a, 0x0d, 0x15, 0x17)]
CHANGED += [(b"a" + utf8(c) + b"b", b"a" + R + b"b")
            for c in range(0x80, 0xa0)]
CHANGED += [(b"a" + utf8(c) + b"b", b"a" + R + b"b")
            for c in list(range(0x2028, 0x202f)) + list(range(0x2066, 0x206a))]
CHANGED += [(b"a" + utf8(c) + b"b", b"a" + R + b"b")
            for c in (0x200b, 0x2060, 0x206f, 0xfeff, 0x3164, 0xfffe, 0xe0041)]
CHANGED += [(("e" + "\u0301" * (8 + n) + "x").encode(),
             ("e" + "\u0301" * 8).encode() + R * n + b"x") for n in (1, 200)]


class Table(SharedCase):

    def setUp(self):
        super().setUp()
        self.alice = self.visitor("alice")
        self.bob = self.visitor("bob")
        settle(self.alice, self.bob)

    def check(self, table, send=b"%s", read=b"[#lobby] alice: %s",
              end=b"\n"):
        # IAC (0xff) makes a connection telnet, which may be answered
        self.alice.telnet = True
        for given, wanted in table:
            with self.subTest(given):
                self.alice.raw(send % given + end)
                self.bob.receive(read % wanted + b"\r\n")

    def test_kept(self):
        self.check([(text, text) for text in KEPT])

    def test_changed(self):
        # a telnet IAC IAC is the byte 0xff; it is in the table as such
        self.check(CHANGED)

    def test_with_cr_lf(self):
        self.check([row for row in CHANGED if not row[0].endswith(b"\r")],
                   end=b"\r\n")

    def test_in_me(self):
        self.check([row for row in CHANGED if row[0][0] not in b"\x08\x7f"
                    and not row[0].startswith((b"ab\x08", b"/"))],
                   send=b"/me -%s", read=b"[#lobby] * alice -%s")

    def test_in_private(self):
        self.check([row for row in CHANGED if row[0][0] not in b"\x08\x7f"
                    and not row[0].startswith((b"ab\x08", b"/"))],
                   send=b"/msg bob -%s", read=b"[private] alice: -%s")

    def test_ctrl_u(self):
        for command in (b"", b"/me", b"/msg bob", b"/quit"):
            self.check([(b"oops\x15fine", b"fine"), (b"\x15fine", b"fine"),
                        (b"one two\x17 \x17\x17fine", b"fine")],
                       send=command + b" \x15%s")

    def test_byte_by_byte(self):
        self.alice.telnet = True
        witness = self.visitor("witness")
        witness.leave("#lobby")
        self.bob.sync()
        for given, wanted in [row for row in CHANGED if len(row[0]) < 20]:
            with self.subTest(given):
                self.alice.pieces(given + b"\n", witness)
                self.bob.receive(b"[#lobby] alice: " + wanted + b"\r\n")

    def test_in_replay(self):
        self.check(CHANGED[:20])
        lines = self.bob.ask("/history 20")[1:]
        self.assertEqual([line[6:].encode() for line in lines],
                         [b"[#lobby] alice: " + out
                          for _, out in CHANGED[:20]])

    def test_erased_all(self):
        self.alice.raw(b"oops\x08\x08\x08\x08\noh no\x17 \x17\noops\x15\n"
                       b"\x1b[A\x1bOB\nfine\n")
        self.bob.expect("[#lobby] alice: fine")

    def test_erasing_may_make_a_command(self):
        self.alice.raw(b"x\x08/me wavs\x7fes\n")
        self.bob.expect("[#lobby] * alice waves")

    def test_ctrl_d(self):
        """Alone, and before what is typed next, it is nothing."""
        self.alice.raw(b"\x04\n\x04\x04\r\nfine\n")
        self.bob.expect("[#lobby] alice: fine")
        self.alice.raw(b"\x04/msg bob it is still me\n")
        self.bob.expect("[private] alice: it is still me")

    def test_names_with_rubbish_are_refused(self):
        for name in (b"al\x1bice", b"al\xfeice", b"al\xc3\xa9", b"\xc2\x9b",
                     b"a\xe2\x80\xaeb"):
            self.alice.telnet = True
            self.alice.raw(b"/nick " + name + b"\n")
            self.alice.error()
            self.alice.raw(b"/join #" + name + b"\n")
            self.alice.error()
        self.bob.silence()

    def test_errors_carry_no_rubbish(self):
        """What is quoted back was cleaned, too."""
        for line in (b"/nosuch\x1b[31m", b"/nick \x1b]0;x\x07",
                     b"/msg \xc2\x9b31m hi", b"/whois \xe2\x80\xae",
                     b"/help \x1bc", b"/history \x9b"):
            self.alice.raw(line + b"\n")
            answer = self.alice.error()
            for char in answer:
                self.assertGreaterEqual(ord(char), 0x20, repr(answer))
                self.assertNotIn(ord(char), range(0x7f, 0xa0), repr(answer))
                self.assertNotEqual(ord(char), 0x202e, repr(answer))


class Blanks(Case):
    """Those before a command, and those alone."""

    BLANKS = [" ", "\t", " \t  ", "\u00a0", "\u3000", "\u2003 ", "\u200e",
              "\u200f ", "\u200d"]

    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.daemon().people("alice", "bob")

    def test_before_a_command(self):
        for blanks in self.BLANKS:
            with self.subTest(blanks):
                self.alice.send(blanks + "/msg bob secret")
                self.bob.expect("[private] alice: secret")
                self.alice.send(blanks + "/me waves")
                self.bob.expect("[#lobby] * alice waves")
                self.alice.ask_error(blanks + "/mgs bob secret", "/mgs")
                self.bob.silence()

    def test_before_two_slashes(self):
        for blanks in self.BLANKS:
            self.alice.send(blanks + "//x")
            self.bob.expect("[#lobby] alice: /x")

    def test_before_other_text_they_stay(self):
        for text in ("  x", "\tx /me", "\u00a0x", "\ufffd/me"):
            self.alice.send(text)
            self.bob.expect("[#lobby] alice: " + text)

    def test_alone(self):
        for blanks in self.BLANKS + [""]:
            self.alice.send(blanks)
            self.alice.raw(blanks.encode() + b"\r")
            self.alice.raw(b"oops\b\b\b\b" + blanks.encode() + b"\n")
        self.alice.silence()
        self.bob.silence()
        self.alice.raw(b"  \t")
        self.alice.half_close()
        self.alice.ends_with()
        self.bob.expect("[#lobby] -- alice left")

    def test_in_no_room(self):
        self.alice.leave()
        for blanks in self.BLANKS:
            self.alice.send(blanks)
        self.alice.silence()

    def test_before_the_password(self):
        client = self.daemon("password hush").connect()
        client.send("  ", "\t")
        client.send(" /pass hush")
        self.assertNotIn("! A password is needed: /pass PASSWORD",
                         client.greeted())


# what the design names
FORBIDDEN = (
    [range(0, 9), range(0x0a, 0x20), range(0x7f, 0xa0), range(0x202a, 0x202f),
     range(0x2066, 0x206a), range(0x2028, 0x202a), range(0x2060, 0x2066),
     range(0x206a, 0x2070), range(0xfff9, 0xfffc), range(0xe0000, 0xe0080)]
    + [[c] for c in (0x200b, 0xfeff, 0xfffe, 0xffff, 0x115f, 0x1160, 0x3164,
                     0xffa0)])
MADE_OF = (14, 0, 0)		# the Unicode of src/base/unicode.c


class EveryCharacter(Case):
    """All of Unicode, as Python reads it."""

    SIZE = 2000			# code points in a line

    def setUp(self):
        super().setUp()
        daemon = self.daemon("max-line 16384\nsend-queue 16M")
        self.alice, self.bob = daemon.people("alice", "bob")

    def check(self, points, before, wanted):
        """Each point after these characters becomes that."""
        points = list(points)
        for at in range(0, len(points), self.SIZE):
            some = points[at:at + self.SIZE]
            self.alice.send("." + "".join(before + chr(c) for c in some))
            self.assertEqual(
                self.bob.next(), "[#lobby] alice: ." + "".join(
                    before + wanted(c) for c in some), hex(some[0]))

    def test_forbidden(self):
        forbidden = {c for each in FORBIDDEN for c in each}
        self.check([c for c in range(sys.maxunicode + 1)
                    if c not in (0x08, 0x0a, 0x0d, 0x15, 0x17, 0x7f)
                    and not 0xd800 <= c < 0xe000], "x",
                   lambda c: "\ufffd" if c in forbidden else chr(c))

    def test_ninth_mark(self):
        ours = tuple(map(int, unicodedata.unidata_version.split(".")))
        if ours > MADE_OF:
            self.skipTest("Python knows Unicode %s, newer than ours"
                          % unicodedata.unidata_version)
        self.SIZE = 500
        eight = "x" + "\u0301" * 8
        marks = [chr(c) for c in range(sys.maxunicode + 1)
                 if unicodedata.category(chr(c)) in ("Mn", "Me")]
        selectors = {c for c in marks
                     if "VARIATION SELECTOR" in unicodedata.name(c)}
        self.check(map(ord, marks), eight, lambda c: (
            chr(c) if chr(c) in selectors else "\ufffd"))
        # a spacing mark takes its own place, a letter begins anew
        self.check([c for c in range(0x300, 0x3000)
                    if unicodedata.category(chr(c)) in ("Mc", "Lo", "Lm")
                    and c not in (0x115f, 0x1160)], eight, chr)


class Elsewhere(Case):
    """Text that goes other ways than a room is cleaned as well."""

    BAD = b"x\x1b[C\x1b]31m\xc2\x9b\xe2\x80\xae\xff\xff\xc3y"
    GOOD = b"x" + R + b"]31m" + R * 4 + b"y"

    def test_topic_away_quit_kick(self):
        daemon = self.daemon()
        alice = daemon.client("alice", "#dev", telnet=True)
        bob = daemon.client("bob", "#dev")
        carol = daemon.client("carol", "#dev")
        settle(alice, bob, carol)
        good = self.GOOD.decode()
        alice.raw(b"/topic " + self.BAD + b"\n")
        bob.expect("[#dev] -- alice set the topic: " + good)
        alice.sync()
        alice.raw(b"/away " + self.BAD + b"\n")
        alice.sync()
        self.assertIn(good, "\n".join(bob.ask("/msg alice hi")))
        self.assertIn(good, "\n".join(bob.ask("/whois alice")))
        alice.raw(b"/kick carol " + self.BAD + b"\n")
        bob.expect("[#dev] -- alice kicked carol (%s)" % good)
        carol.until("! alice kicked you from #dev (%s)" % good)
        alice.sync()
        alice.raw(b"/leave #dev " + self.BAD + b"\n")
        bob.until("[#dev] -- alice left (%s)" % good)
        alice.raw(b"/quit " + self.BAD + b"\n")
        bob.until("[#lobby] -- alice left (%s)" % good)


if __name__ == "__main__":
    main()
