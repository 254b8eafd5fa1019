#!/usr/bin/env python3
"""What an admin says to banter-store, to a running one and to its file."""

import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess

from banter import files, process, wait
from banter.case import main
from banter.command import clean_environment
from banter.host import AS_NOBODY
from banter.store import StoreCase, run_store, store_command


class Words(StoreCase):

    def both(self, check):
        """The same of a running one, and of its file."""
        for running in (True, False):
            with self.subTest(running=running):
                store = self.store()
                peer = store.peer()
                owner = peer.ask("REGISTER", "Alice", "x").owner
                peer.keep("ITEM_STATE", owner, state=b"mine")
                if not running:
                    store.stop()
                check(store, store.say if running else store.offline)
                if running:
                    store.stop()
                self.assert_whole(store)

    def test_names_and_forget(self):
        def check(_store, say):
            status, out, err = say("names")
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"\AAlice +registered 20\d\d-\d\d-\d\d "
                             r"\d\d:\d\d  last here 20[-\d]+ \d\d:\d\d\n\Z")
            self.assertEqual(say("forget", "bob"),
                             (1, "", "bob is not registered\n"))
            self.assertEqual(say("forget", "aLice"),
                             (0, "aLice is forgotten\n", ""))
            self.assertEqual(say("names"), (0, "", ""))

        self.both(check)

    def test_register_and_passwd(self):
        def check(store, say):
            self.assertEqual(say("register", "ALICE", text="y\n"),
                             (1, "", "ALICE is registered already\n"))
            self.assertEqual(say("register", "boss", text="y\nz\n"),
                             (0, "boss is registered\n", ""))
            self.assertRegex(say("names")[1],
                             "boss .* last here never  by admin\n")
            self.assertEqual(say("passwd", "nobody", text="z\n")[0], 1)
            self.assertEqual(say("passwd", "alice", text="new")[0], 0)
            for wrong in ("", "\n", "x" * 129, "a\0b"):
                self.assertEqual(say("register", "chief", text=wrong)[0], 1)
            self.assertEqual(say("register", "1", text="y\n")[0], 1)
            if store.process.poll() is not None:
                store.start()
            peer = store.peer()
            self.assertEqual(peer.ask("LOGIN", "boss", "y").result, "OK")
            self.assertEqual(peer.ask("LOGIN", "alice", "x").result, "WRONG")
            got = peer.ask("LOGIN", "alice", "new")
            self.assertEqual((got.result, got.state), ("OK", b"mine"))
            store.stop()

        self.both(check)

    def test_peers_are_told(self):
        store = self.store()
        peer = store.peer()
        self.assertEqual(store.say("register", "boss", text="x\n")[0], 0)
        self.assertEqual(peer.read()[0], "NAME")
        self.assertEqual(store.say("forget", "boss")[0], 0)
        self.assertEqual(peer.read()[0], "FORGOTTEN")

    def test_usage(self):
        store = self.store()
        for words in ((), ("dance",), ("names", "x"), ("forget",),
                      ("restore", "/x"), ("backup",), ("-x",),
                      ("serve", "a", "b")):
            with self.subTest(words):
                status, out, err = store.say(*words)
                self.assertEqual((status, out), (2, ""))
                self.assertIn("banter-store", err)
        self.assertEqual(run_store("-h")[0], 0)
        self.assertRegex(run_store("-V")[1], r"\Abanter-store \d+\.\d")
        self.assertEqual(run_store("serve")[0], 2)
        status, _out, err = run_store("-s", "/nowhere/socket", "names")
        self.assertEqual(status, 1)
        self.assertIn("nobody answers at /nowhere/socket.admin", err)

    def test_while_one_is_running(self):
        store = self.store()
        status, _out, err = store.offline("names")
        self.assertEqual(status, 1)
        self.assertIn("is running on it", err)
        status, _out, err = run_store(
            "serve", "-s", store.socket + "2", store.path)
        self.assertEqual(status, 1)
        self.assertIn("another banter-store does", err)

    def test_who_may_ask(self):
        store = self.store()
        mode = os.stat(store.socket + ".admin").st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(store.socket).st_mode), 0o660)
        self.assertEqual(stat.S_IMODE(os.stat(store.path).st_mode), 0o600)
        if not AS_NOBODY:
            self.skipTest("not root")
        # root may
        self.assertEqual(run_store("-s", store.socket, "names", run_as={})[0],
                         0)
        os.chmod(store.socket + ".admin", 0o666)
        stranger = {"user": 12345, "group": 12345, "extra_groups": []}
        self.assertEqual(
            run_store("-s", store.socket, "names", run_as=stranger)[0], 1)
        store.wait_log("somebody else than root")

    def test_the_terminal(self):
        """The password is asked for twice, and not shown."""
        store = self.store()
        leader, follower = pty.openpty()
        asked = process.start(
            ["setsid", "-c", "-w"] + store_command() +
            ["-s", store.socket, "register", "boss"],
            stdin=follower, stdout=follower, stderr=follower,
            env=clean_environment(), **AS_NOBODY)
        os.close(follower)
        shown = b""

        def read_until(word):
            nonlocal shown
            while word not in shown:
                shown += os.read(leader, 1000)

        read_until(b"Password: ")
        os.write(leader, b"secret\n")
        read_until(b"Once more: ")
        os.write(leader, b"secret\n")
        read_until(b"boss is registered")
        self.assertEqual(asked.wait(wait.DEADLINE), 0)
        process.forget(asked)
        os.close(leader)
        self.assertNotIn(b"secret", shown)

    def test_a_request_that_is_none(self):
        store = self.store()
        for request in (b"", b"names", b"a\0b\0c\0d\0e\0", b"\0", b"dance\0",
                        b"register\0boss\0", b"register\0\0x\0",
                        b"x" * 5000):
            with self.subTest(request):
                asking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                asking.settimeout(wait.DEADLINE)
                if AS_NOBODY:
                    os.chmod(store.socket + ".admin", 0o666)
                asking.connect(store.socket + ".admin")
                try:
                    asking.sendall(request)
                    asking.shutdown(socket.SHUT_WR)
                    reply = b""
                    while piece := asking.recv(1000):
                        reply += piece
                except OSError:
                    reply = b""
                asking.close()
                self.assertNotEqual(reply[-1:], b"0")
        self.assertEqual(store.say("names"), (0, "", ""))

    def test_numbers(self):
        store = self.store()
        store.peer().ask("REGISTER", "alice", "x")
        store.process.send_signal(signal.SIGHUP)
        store.process.send_signal(signal.SIGUSR2)
        store.process.send_signal(signal.SIGUSR1)
        store.wait_log(r"names, up to \d+ lines, \d+ bytes, last sync \d+ s ago, \d connec")


class Backups(StoreCase):

    def test_there_and_back(self):
        store = self.store()
        peer = store.peer(epoch=3)
        owner = peer.ask("REGISTER", "alice", "x").owner
        peer.keep("ITEM_STATE", owner, state=b"S" * 4096)
        copy = files.scratch_path("copy.db")
        self.assertEqual(store.say("backup", copy), (0, "", ""))
        self.assertEqual(stat.S_IMODE(os.stat(copy).st_mode), 0o600)
        with open(copy, "rb") as file:
            before = file.read()
        status, _out, err = store.say("backup", copy)
        self.assertEqual(status, 1)
        self.assertIn("File exists", err)
        with open(copy, "rb") as file:
            self.assertEqual(file.read(), before)
        later = peer.ask("REGISTER", "later", "x").owner
        status, _out, err = store.offline("restore", copy)
        self.assertEqual(status, 1)
        self.assertIn("is running on it", err)
        store.stop()
        status, out, err = store.offline("restore", copy)
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"what was there is \S+\.replaced-20")
        self.assert_whole(store)
        store.start()
        peer = store.peer(epoch=3)
        self.assertEqual(peer.names, {"alice": owner})
        self.assertEqual(peer.ask("LOGIN", "alice", "x").state, b"S" * 4096)
        # nobody gets what was somebody else's
        self.assertGreater(peer.ask("REGISTER", "new", "x").owner, later)
        self.assertEqual(
            [name for name in os.listdir(store.directory)
             if ".backup" in name or ".restore" in name], [])

    def test_of_a_file_that_nobody_serves(self):
        store = self.store()
        store.peer().ask("REGISTER", "alice", "x")
        store.kill()
        copy = files.scratch_path("copy.db")
        self.assertEqual(store.offline("backup", copy)[0], 0)
        self.assertEqual(store.offline("backup", copy)[0], 1)
        os.unlink(store.path)
        self.assertEqual(store.offline("names")[0], 1)
        self.assertFalse(os.path.exists(store.path))
        self.assertEqual(store.offline("restore", copy)[0], 0)
        self.assertRegex(store.offline("names")[1], r"\Aalice ")

    def test_what_is_no_backup(self):
        store = self.store()
        store.peer().ask("REGISTER", "alice", "x")
        store.stop()
        with open(store.path, "rb") as file:
            good = file.read()
        other = files.scratch_path("other.db")
        with sqlite3.connect(other) as db:
            db.execute("CREATE TABLE t (x)")
        db.close()
        with open(other, "rb") as file:
            foreign = file.read()
        for what, data in (("empty", b""), ("text", b"hello\n" * 1000),
                           ("foreign", foreign), ("cut", good[:8192]),
                           ("spoilt", good[:4096] + b"\xff" * 4096
                            + good[8192:])):
            with self.subTest(what):
                path = files.written(what, data)
                self.assertEqual(store.offline("restore", path)[0], 1)
                self.assertRegex(store.offline("names")[1], r"\Aalice ")
        self.assertEqual(store.offline("restore", "/nowhere")[0], 1)
        self.assert_whole(store)
        self.assertEqual(
            [name for name in os.listdir(store.directory)
             if "restore" in name or "replaced" in name], [])

    def test_as_root(self):
        """What root does with the file leaves it to whom it belongs."""
        if not AS_NOBODY:
            self.skipTest("not root")
        store = self.store()
        store.peer().ask("REGISTER", "alice", "x")
        copy = files.private_directory() + "/copy.db"
        self.assertEqual(
            run_store("-s", store.socket, "backup", copy, run_as={}),
            (0, "", ""))
        self.assertEqual(os.stat(copy).st_uid, 0)
        store.stop()
        os.unlink(store.path + ".lock")
        for words in (("restore", copy), ("register", "boss"), ("names",)):
            status, _out, err = run_store("-F", store.path, *words,
                                          text="x\n", run_as={})
            self.assertEqual(status, 0, err)
        os.unlink(store.path)
        status, _out, err = run_store("-F", store.path, "register", "boss",
                                      text="x\n", run_as={})
        self.assertEqual(status, 0, err)
        store.start()
        peer = store.peer()
        self.assertEqual(set(peer.names), {"boss"})
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "OK")

    def test_while_it_is_written(self):
        store = self.store()
        peer = store.peer(names_per_host=1000)
        owner = peer.ask("REGISTER", "alice", "x").owner
        for i in range(100):
            peer.item("ITEM_STATE", owner, state=b"%d" % i)
        copy = files.scratch_path("copy.db")
        asked = process.start(
            store_command() + ["-s", store.socket, "backup", copy],
            stderr=subprocess.PIPE, **AS_NOBODY)
        while asked.poll() is None:
            peer.keep("ITEM_STATE", owner, state=os.urandom(4096))
        self.assertEqual(asked.returncode, 0, asked.stderr.read())
        asked.stderr.close()
        process.forget(asked)
        self.assertEqual(run_store("-F", copy, "check")[0], 0)


if __name__ == "__main__":
    main()
