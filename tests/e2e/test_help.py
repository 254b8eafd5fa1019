#!/usr/bin/env python3
"""/help knows every command, and the manual knows what /help knows."""

import os
import re

from banter.case import Case, SharedCase, main
from banter.files import SOURCE_DIR

COMMANDS = {
    "nick": [], "join": ["j"], "leave": ["part"], "msg": ["m", "tell", "w"],
    "reply": ["r"], "me": [], "who": ["names"], "rooms": ["list"],
    "whois": [], "topic": [], "history": [], "catchup": [], "find": [],
    "away": [], "back": [],
    "ignore": [], "unignore": [], "kick": [], "op": [], "invite": [],
    "set": [], "seen": [],
    "register": [], "login": [], "logout": [], "passwd": [],
    "unregister": [],
    "pass": [], "help": ["?"], "quit": ["q", "exit", "bye"],
}

KEYWORDS = [
    "listen", "server-name", "motd", "password", "default-room", "room",
    "history", "deny", "allow", "log-target", "log-level", "shutdown-grace",
    "max-clients", "max-per-host", "max-rooms", "max-joined", "max-line",
    "rate", "send-queue", "stall-timeout", "login-timeout", "user",
    "store", "names-per-host", "name-expiry", "keep", "operators",
]

SIGNALS = ["HUP", "USR1", "USR2", "TERM", "INT"]

DOCS = os.path.join(SOURCE_DIR, "docs")


class Help(SharedCase):

    def setUp(self):
        super().setUp()
        self.alice = self.visitor("alice")

    def notices(self, line):
        lines = self.alice.ask(line)
        self.assertTrue(lines)
        for one in lines:
            self.assertTrue(one.startswith("* "), lines)
        return "\n".join(lines)

    def test_lists_every_command(self):
        for ask in ("/help", "/?", "/HELP"):
            text = self.notices(ask)
            for name in COMMANDS:
                self.assertRegex(text, r"/%s\b" % name)

    def test_lists_nothing_that_is_not_there(self):
        text = self.notices("/help")
        for name in re.findall(r"(?:^|[\s,(])/([a-z]+)\b", text):
            if name not in COMMANDS:
                self.assertTrue(any(name in a for a in COMMANDS.values()),
                                "/%s is in no table" % name)

    def test_each(self):
        for name, aliases in COMMANDS.items():
            for ask in [name, "/" + name, name.upper()] + aliases:
                with self.subTest(ask):
                    text = self.notices("/help " + ask)
                    self.assertIn("/" + name, text)
                    for alias in aliases:
                        self.assertIn("/" + alias, text)

    def test_unknown(self):
        self.alice.ask_error("/help nosuch", "nosuch")

    def test_every_alias_is_the_command(self):
        """An alias answers as its command does: asked with nothing."""
        for name, aliases in COMMANDS.items():
            if name in ("quit", "leave"):
                continue
            for alias in aliases:
                with self.subTest(alias):
                    self.assertEqual(self.alice.ask("/" + alias),
                                     self.alice.ask("/" + name))

    def test_every_command_answers(self):
        """No command is silent but speech, even where it is misused."""
        for name in COMMANDS:
            if name == "quit":
                continue
            for rest in ("", " x", " #nowhere", " x y z"):
                if name in ("me", "msg", "reply") and rest:
                    continue
                with self.subTest("/" + name + rest):
                    lines = self.alice.ask("/" + name + rest)
                    self.assertTrue([one for one in lines
                                     if one[:2] in ("* ", "! ")], lines)


class Manual(Case):

    def page(self, name):
        with open(os.path.join(DOCS, name), encoding="utf-8") as page:
            # mdoc writes a hyphen as \- where it must not be broken
            return page.read().replace("\\-", "-").replace("\\&", "")

    def test_commands(self):
        text = self.page("banter.7")
        for name, aliases in COMMANDS.items():
            for one in [name] + aliases:
                with self.subTest(one):
                    self.assertRegex(text, r"/%s(?![a-z])" % re.escape(one))

    def test_keywords(self):
        text = self.page("banterd.conf.5")
        for word in KEYWORDS:
            with self.subTest(word):
                self.assertRegex(text, r"(?m)(^|[\s\"])%s(?![a-z-])"
                                 % re.escape(word))

    def test_options_and_signals(self):
        text = self.page("banterd.8")
        for word in SIGNALS:
            self.assertIn(word, text)
        for letter in "ktvflVh":
            self.assertRegex(text, r"(Fl|Op Fl|\\-|-) ?[A-Za-z]*%s" % letter)

    def test_fixed_words(self):
        text = " ".join(self.page("banter.7").split())
        for words in ("Say something, or", "is full; try again later",
                      "Too many connections from your address",
                      "Your address is not allowed here",
                      "Line too long", "The server is going down",
                      "The server came back after a fault; the last lines may "
                      "be missing (/history shows them).",
                      "The server has lost track of this connection; please "
                      "connect again."):
            with self.subTest(words):
                self.assertIn(words, text)


class SampleConfiguration(Case):

    def test_explains_every_keyword(self):
        contrib = os.path.join(SOURCE_DIR, "contrib")
        name = next(n for n in ("banterd.conf", "banterd.conf.in")
                    if n in os.listdir(contrib))
        with open(os.path.join(contrib, name), encoding="utf-8") as conf:
            text = conf.read()
        for word in KEYWORDS:
            with self.subTest(word):
                self.assertRegex(text, r"(?m)^\s*#?\s*%s\b"
                                 % re.escape(word))


if __name__ == "__main__":
    main()
