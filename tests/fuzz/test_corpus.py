#!/usr/bin/env python3
"""Packs keep every byte, name and note; and those of the repository are as
corpus.py writes them."""

import glob
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

INPUTS = {
    "all": bytes(range(256)),
    "backwards": bytes(range(255, -1, -1)),
    "empty": b"",
    "looks-escaped": b'\\x41 \\n "a" \\',
    "v1.2_x+y": b"\n",
}


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Corpus(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name
        self.pack = self.at("a.pack")
        for name, data in INPUTS.items():
            self.write("in", name, data)

    def at(self, *names):
        return os.path.join(self.path, *names)

    def write(self, folder, name, data):
        os.makedirs(self.at(folder), exist_ok=True)
        with open(self.at(folder, name), "wb") as f:
            f.write(data)
        return self.at(folder, name)

    def corpus(self, *arguments, status=0):
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(HERE, "corpus.py"),
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8")
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def unpacked(self):
        with tempfile.TemporaryDirectory() as out:
            self.corpus("unpack", self.pack, out)
            return {n: read(os.path.join(out, n)) for n in os.listdir(out)}

    def test_every_byte(self):
        self.corpus("pack", self.at("in"), self.pack)
        self.assertEqual(self.unpacked(), INPUTS)
        text = read(self.pack)
        self.assertTrue(text.isascii())
        self.assertEqual(text.count(b"\n"), len(INPUTS))
        self.assertIn(b'empty ""\nlooks-escaped "\\\\x41 \\\\n \\"a\\" \\\\"\n',
                      text)

    def test_added_or_packed_in_any_order(self):
        self.corpus("pack", self.at("in"), self.pack)
        other = self.at("b.pack")
        for name in sorted(INPUTS, reverse=True):
            self.corpus("add", other, self.at("in", name))
        self.assertEqual(read(other), read(self.pack))

    def test_add(self):
        self.corpus("pack", self.at("in"), self.pack)
        before = read(self.pack)
        again = self.write("new", "again", INPUTS["all"])
        self.assertIn("as all", self.corpus("add", self.pack, again))
        other = self.write("new", "all", b"other")
        self.assertIn("another all",
                      self.corpus("add", self.pack, other, status=1))
        self.assertEqual(read(self.pack), before)

    def test_a_note_stays(self):
        self.corpus("pack", self.at("in"), self.pack)
        new = self.write("in", "hang", b"\0")
        self.corpus("add", "-n", "Regression: it hung.", self.pack, new)
        before = read(self.pack)
        self.assertIn(b'# Regression: it hung.\nhang "\\x00"\n', before)
        self.corpus("pack", self.at("in"), self.pack)
        self.assertEqual(read(self.pack), before)
        line, = (s for s in self.corpus("list", self.pack).splitlines()
                 if "hang" in s)
        self.assertEqual(line.split(None, 2),
                         ["hang", "1", "Regression: it hung."])

    def test_not_a_pack(self):
        for text in (b'a "\\q"\n', b'a "\\x4"\n', b'a "\\X41"\n', b'a "b\n',
                     b'a "\t"\n', b'../a "b"\n', b'.a "b"\n', b'a b\n', b"\n",
                     b'a "b"\na "c"\n', b'a "\xc3\xa9"\n'):
            with self.subTest(text=text):
                with open(self.pack, "wb") as f:
                    f.write(text)
                self.corpus("unpack", self.pack, self.at("out"), status=1)

    def test_the_packs_of_the_repository(self):
        packs = glob.glob(os.path.join(HERE, "corpus", "*.pack"))
        self.assertTrue(packs)
        for pack in packs:
            with self.subTest(pack=pack):
                with open(self.pack, "wb") as f:
                    f.write(read(pack))
                self.corpus("add", self.pack, self.at("in", "empty"))
                with tempfile.TemporaryDirectory() as out:
                    self.corpus("unpack", self.pack, out)
                    os.remove(os.path.join(out, "empty"))
                    self.corpus("pack", out, self.pack)
                self.assertEqual(read(self.pack), read(pack))


if __name__ == "__main__":
    unittest.main()
