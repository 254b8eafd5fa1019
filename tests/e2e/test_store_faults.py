#!/usr/bin/env python3
"""What banter-store does when its file, its disk or its own life ends."""

import os
import random
import re
import shutil
import sqlite3
import struct
import subprocess
import threading
import time

from banter import wait
from banter.case import main
from banter.host import AS_NOBODY
from banter.store import Closed, StoreCase, run_store, seconds

KILLS = int(os.environ.get("KILLS", "12"))


def spoil(path, version=None):
    """Changes what is in the file, behind SQLite's back."""
    with open(path, "r+b") as file:
        if version is not None:
            file.seek(60)
            file.write(struct.pack(">I", version))
            return
        size = os.path.getsize(path)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def limit_size(pid, limit):
    """No file of a running process grows beyond that."""
    subprocess.run(["prlimit", "--pid", str(pid), "--fsize=" + limit],
                   check=True, **AS_NOBODY)


class Killed(StoreCase):

    time_limit = 160

    def test_nothing_that_was_kept_is_lost(self):
        random.seed(7)
        store = self.store()
        peer = store.peer(epoch=1, names_per_host=10**6)
        owner = peer.ask("REGISTER", "alice", "x").owner
        sure = {"alice"}	# names that were said to be registered
        kept = 0		# the last item that was said to be kept
        for life in range(KILLS):
            end = threading.Timer(random.uniform(0.02, 1), store.kill)
            end.start()
            asked = {}
            try:
                for i in range(10**6):
                    peer.item("ITEM_STATE", owner,
                              state=b"%d" % (peer.items + 1))
                    name = "n%d-%d" % (life, i)
                    asked[peer.begin("REGISTER", name, "x")] = name
                    while peer.kept < peer.items - 20 or \
                            len(asked) > 6 + len(peer.answers):
                        peer.read()
            except Closed:
                pass
            end.join()
            try:
                while True:
                    peer.read()
            except Closed:
                pass
            kept = max(kept, peer.kept)
            sure.update(asked[n] for n, got in peer.answers.items()
                        if got.result == "OK" and n in asked)
            self.assert_whole(store)
            store.start()
            peer = store.peer(epoch=1, names_per_host=10**6)
            self.assertGreaterEqual(peer.last, kept)
            self.assertEqual(sure - set(peer.names), set())
            self.assertEqual(int(peer.ask("LOGIN", "alice", "x").state or 0),
                             peer.last)
        self.assertGreater(kept, 0)
        self.assertGreater(len(sure), 1)


class Damaged(StoreCase):

    def filled(self, n=30):
        """A store with so many names, and a backup of it."""
        store = self.store()
        peer = store.peer(names_per_host=10**6)
        numbers = [peer.begin("REGISTER", "name%d" % i, "x")
                   for i in range(n)]
        self.owners = [peer.answer(number).owner for number in numbers]
        for owner in self.owners:
            peer.item("ITEM_STATE", owner, state=os.urandom(2000))
        while peer.kept < n:
            peer.read()
        self.copy = os.path.join(store.directory, "copy.db")
        self.assertEqual(store.say("backup", self.copy)[0], 0)
        return store

    def assert_mended(self, store):
        store.wait_log(r"was damaged: it is \S+\.damaged-20\S+ now, and a new "
                       r"one is begun; .* banter-store -F \S+ restore BACKUP")
        peer = wait.eventually(lambda: self.new_peer(store), "it is new")
        self.assertGreater(peer.ask("REGISTER", "name1", "x").owner,
                           max(self.owners))
        store.stop()
        self.assert_whole(store)
        self.assertTrue([name for name in os.listdir(store.directory)
                         if ".damaged-" in name])
        self.assertEqual(store.offline("restore", self.copy)[0], 0)
        store.start()
        self.assertEqual(len(store.peer().names), 30)

    def new_peer(self, store):
        try:
            peer = store.peer()
        except Closed:
            return None
        return peer if not peer.names else None

    def test_found_at_the_start(self):
        store = self.filled()
        store.stop()
        with open(store.path, "r+b") as file:
            file.write(b"this is no database")
        store.start()
        self.assert_mended(store)

    def test_found_while_serving(self):
        store = self.filled()
        store.stop()
        spoil(store.path)
        store.start()
        try:
            store.peer()
        except Closed:
            pass
        self.assert_mended(store)

    def test_found_by_a_question(self):
        store = self.filled()
        peer = store.peer()
        store.stop()
        store.start()
        peer = store.peer()
        # what SQLite has read, it has; a big file has more than that
        with sqlite3.connect(store.path) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        spoil(store.path)
        results = set()
        try:
            for i in range(30):
                results.add(peer.ask("LOGIN", "name%d" % i, "x").result)
        except Closed:
            pass
        self.assertLessEqual(results, {"OK", "FAILED", "UNKNOWN"})

    def test_a_newer_file(self):
        store = self.filled()
        store.stop()
        spoil(store.path, version=2)
        with open(store.path, "rb") as file:
            before = file.read()
        for words in (("serve", "-s", store.socket, store.path),
                      ("-F", store.path, "names"),
                      ("-F", store.path, "register", "bob")):
            status, _out, err = run_store(*words, text="x\n")
            self.assertEqual(status, 1)
            self.assertIn("has schema 2, and this banter-store knows up to 1",
                          err)
        with open(store.path, "rb") as file:
            self.assertEqual(file.read(), before)
        status, _out, _err = store.offline("restore", self.copy)
        self.assertEqual(status, 0)
        self.assert_whole(store)

    def test_check_finds_it(self):
        store = self.filled()
        store.stop()
        with sqlite3.connect(store.path) as db:
            db.execute("UPDATE names SET hash = '$6$x$y' WHERE name = 'name3'")
            db.execute("UPDATE names SET name = 'a b' WHERE name = 'name4'")
        db.close()
        status, out, _err = store.offline("check")
        self.assertEqual(status, 1)
        self.assertIn('"name3"', out)
        self.assertIn('"a b"', out)
        store.start()
        peer = store.peer()
        self.assertEqual(peer.ask("LOGIN", "name3", "x").result, "WRONG")
        store.wait_log("the password of name3 is stored in a way")


class Trouble(StoreCase):

    def test_locked(self):
        store = self.store()
        peer = store.peer()
        owner = peer.ask("REGISTER", "alice", "x").owner
        db = sqlite3.connect(store.path, isolation_level=None)
        db.execute("BEGIN EXCLUSIVE")
        got = [peer.ask("REGISTER", "n%d" % i, "x").result for i in range(5)]
        self.assertEqual(got, 5 * ["FAILED"])
        store.wait_log("is locked by another program")
        self.assertEqual(peer.ask("LOGIN", "alice", "x").result, "OK")
        peer.item("ITEM_STATE", owner, state=b"one")
        peer.item("ITEM_STATE", owner, state=b"two")
        self.assertEqual(peer.ask("SEEN", "alice").result, "OK")
        self.assertEqual(peer.kept, 0)
        self.assertEqual(store.log().count("locked by another"), 1)
        db.execute("ROLLBACK")
        db.close()
        store.wait_log("notice: .* works again")
        # it has to come again with what was not kept
        peer.expect_end()
        peer = store.peer()
        self.assertEqual(peer.last, 0)
        peer.keep("ITEM_STATE", owner, state=b"one")
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "OK")

    def test_read_only(self):
        store = self.store()
        owner = store.peer().ask("REGISTER", "alice", "x").owner
        store.stop()
        os.chmod(store.path, 0o400)
        if os.access(store.path, os.W_OK) and os.geteuid() != 0:
            self.skipTest("may write all the same")
        store.start()
        peer = store.peer()
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "FAILED")
        self.assertEqual(peer.ask("LOGIN", "alice", "x").owner, owner)
        store.wait_log("is read-only")
        os.chmod(store.path, 0o600)
        store.wait_log("notice: .* works again")
        wait.eventually(
            lambda: store.peer().ask("REGISTER", "bob", "x").result == "OK",
            "it can be written again")

    def fill(self, pages):
        """As on a full disk: a file may not grow (RLIMIT_FSIZE), or by so many
        pages only, and what is to be kept has more."""
        store = self.store()
        store.peer().ask("REGISTER", "alice", "x")
        peer = store.peer(epoch=2, names_per_host=10**6)
        owner = peer.ask("LOGIN", "alice", "x").owner
        peer.keep("ITEM_STATE", owner, state=b"before")
        pid = store.process.pid
        size = os.path.getsize(store.path + "-wal")
        limit_size(pid, "%d:" % (size + pages * 4120))
        line = ("ITEM_LINE", {"room": "#a", "name": "alice",
                              "when": seconds(), "text": 4000 * "x"})
        for _ in range(5):
            peer.item_batch(*10 * [line])
        trouble = "has no space|cannot be (?:read or )?written"
        store.wait_log(trouble)
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "FAILED")
        other = store.peer(epoch=3)
        got = other.ask("LOGIN", "alice", "x")
        self.assertEqual((got.result, got.state), ("OK", b"before"))
        # it is tried each second, and told once
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            self.assertEqual(other.ask("REGISTER", "carol", "x").result,
                             "FAILED")
            time.sleep(0.5)
        self.assertEqual(len(re.findall(trouble, store.log())), 1)
        self.assertNotRegex(store.log(), "notice: .* works again")
        limit_size(pid, "unlimited:")
        store.wait_log("notice: .* works again")
        peer.expect_end()
        self.assertEqual(peer.kept, 1)
        peer = store.peer(epoch=2)
        self.assertEqual(peer.last, 1)
        peer.keep("ITEM_STATE", owner, state=b"x")
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "OK")
        self.assertEqual(peer.ask("LOGIN", "alice", "x").state, b"x")
        store.stop()
        self.assert_whole(store)

    def test_full(self):
        self.fill(0)

    def test_nearly_full(self):
        self.fill(3)

    def test_gone(self):
        store = self.store()
        peer = store.peer()
        peer.ask("REGISTER", "alice", "x")
        os.rename(store.path, store.path + ".away")
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "FAILED")
        self.assertEqual(peer.ask("LOGIN", "alice", "x").result, "OK")
        store.wait_log("is no longer at its path")
        self.assertFalse(os.path.exists(store.path))
        os.rename(store.path + ".away", store.path)
        store.wait_log("notice: .* works again")
        self.assertEqual(store.peer().ask("REGISTER", "bob", "x").result,
                         "OK")

    def test_replaced(self):
        store = self.store()
        peer = store.peer()
        owner = peer.ask("REGISTER", "alice", "x").owner
        copy = os.path.join(store.directory, "copy.db")
        self.assertEqual(store.say("backup", copy)[0], 0)
        peer.ask("REGISTER", "bob", "x")
        shutil.chown(copy, os.stat(store.path).st_uid,
                     os.stat(store.path).st_gid)
        os.rename(copy, store.path)
        try:
            result = peer.ask("REGISTER", "carol", "x").result
        except Closed:
            result = None	# each second it is looked, too
        self.assertIn(result, ("FAILED", None))
        peer.expect_end()
        store.wait_log("is another file than before")
        peer = store.peer()
        self.assertEqual(peer.names, {"alice": owner})
        self.assertEqual(peer.ask("REGISTER", "carol", "x").result, "OK")
        store.stop()
        self.assert_whole(store)


class Throttled(StoreCase):

    def test_a_name_from_one_host(self):
        peer = self.store().peer()
        peer.ask("REGISTER", "alice", "x")

        def login(password, host):
            return peer.ask("LOGIN", "alice", password, host=host).result

        self.assertEqual([login("y", "h1") for _ in range(6)],
                         5 * ["WRONG"] + ["THROTTLED"])
        self.assertEqual(login("x", "h1"), "THROTTLED")
        self.assertEqual(
            peer.ask("PASSWD", "ALICE", "x", "y", host="h1").result,
            "THROTTLED")
        self.assertEqual(login("x", "h2"), "OK")
        self.assertEqual([login("x", "h2") for _ in range(9)], 9 * ["OK"])

    def test_a_thousand_at_once(self):
        store = self.store()
        peer = store.peer()
        peer.ask("REGISTER", "alice", "x")
        numbers = [peer.begin("LOGIN", "alice", "y%d" % i)
                   for i in range(1000)]
        results = [peer.answer(number).result for number in numbers]
        self.assertEqual(results.count("WRONG"), 5)
        self.assertEqual(results.count("THROTTLED"), 995)

    def test_a_neighbour_gets_in(self):
        store = self.store()
        peer = store.peer(names_per_host=1000)
        for i in range(8):
            peer.ask("REGISTER", "n%d" % i, "x")
        wrong = [peer.ask("LOGIN", "n%d" % (i % 7), "y").result
                 for i in range(42)]
        self.assertEqual(wrong.count("WRONG"), 30)
        self.assertEqual(peer.ask("LOGIN", "n7", "x").result, "OK")

    def test_busy(self):
        store = self.store()
        peer = store.peer(names_per_host=10**6)
        numbers = [peer.begin("REGISTER", "n%d" % i, "x", host="h%d" % i)
                   for i in range(1100)]
        started = time.monotonic()
        # some may have been done before the last of them was read
        while "BUSY" not in [got.result for got in peer.answers.values()]:
            peer.read()
            self.assertLess(time.monotonic() - started, wait.DEADLINE)
        self.assertEqual(peer.ask("SEEN", "n0").result in ("OK", "UNKNOWN"),
                         True)
        del numbers


if __name__ == "__main__":
    main()
