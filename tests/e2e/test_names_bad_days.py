#!/usr/bin/env python3
"""A store that is stuck, killed, gone, or no store: chat goes on."""

import glob
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

from test_names import NamesCase, belongs, yours

from banter import files, wait
from banter.case import Case, main
from banter.client import settle
from banter.line import rx
from banter.names_store import NEEDED, NamesStore

NOT_NOW = "! Nothing can be kept just now; ask whoever runs this server."
NOTHING = "! Nothing is kept on this server."
TOO_LONG = "! That took too long; try again."


class Begun(NamesCase):
    """A daemon that begins where another one has been."""

    config = NamesCase.config + "room #dev\n"

    def test_what_was_said_before(self):
        alice = self.server.client("alice", "#dev")
        for line in ("one", "/me two", "three"):
            alice.ask(line)
        bob = self.server.client("bob", "#other")
        bob.ask("not for the next")
        wait.eventually(
            lambda: "three" in self.store.word("export", "#dev")[1],
            "what was said is in the store")
        self.server.stop()
        self.server = self.begin()
        carol = self.server.client("carol")
        carol.send("/join #dev")
        carol.until(rx(r"\d\d:\d\d \[#dev\] alice: one"))
        carol.expect(rx(r"\d\d:\d\d \[#dev\] \* alice two"))
        carol.expect(rx(r"\d\d:\d\d \[#dev\] alice: three"))
        carol.ask("four")
        carol.send("/join #other")
        carol.until(rx(r"\* You are in #other .*"))
        carol.silence()


class Stuck(NamesCase):

    def test_the_others_go_on(self):
        """Who asks waits for ten seconds, nobody else for a moment."""
        self.owner("dave").hang_up()
        alice, bob, carol = self.server.people("alice", "bob", "carol")
        self.store.freeze()
        began = time.monotonic()
        carol.send("/login dave sesame", "after it")
        alice.send("/register sesame")
        for i in range(50):
            bob.send("line %d" % i)
            bob.ask("/join #r%d" % (i % 5))
            bob.ask("/join #lobby")
        self.assertLess(time.monotonic() - began, 5)
        lines = carol.until(TOO_LONG)
        self.assertGreaterEqual(time.monotonic() - began, 9.9)
        self.assertIn("[#lobby] bob: line 49", lines)
        bob.until("[#lobby] carol: after it")
        alice.until(TOO_LONG)
        # who went on is asked nothing more, and who stays too long is gone
        gone = self.server.newcomer()
        gone.send("/login dave sesame")
        gone.reset()
        self.store.thaw()
        settle(alice, bob, carol)
        # it has been done after all
        alice.until(belongs("alice"))
        alice.until(rx(r"\* You are now guest\d+\."))
        alice.sync()
        alice.send("/login alice sesame")
        alice.until("* You are now alice.")
        carol.sync()
        carol.ask_notice("/nick cara", "* You are now cara.")

    def test_many_wait(self):
        """Who reads nothing but their own answer gets one each."""
        self.owner("alice").hang_up()
        self.store.freeze()
        many = [self.server.newcomer() for _ in range(40)]
        for one in many:
            one.send("/login alice wrong", "/quit")
        self.server.client("bob")
        self.store.thaw()
        answers = [[line for line in one.rest() if line[0] == "!"]
                   for one in many]
        self.assertTrue(all(len(lines) == 1 for lines in answers), answers)
        self.assertEqual(
            {line for lines in answers for line in lines},
            {"! Wrong password.",
             "! Too many wrong passwords; try again in a minute."})

    def test_stop_while_it_is_slow(self):
        """The daemon does not end before what was changed is kept."""
        alice = self.owner("alice")
        self.store.freeze()
        alice.ask("/set bell on")
        self.server.signal(signal.SIGTERM)
        alice.until("* The server is going down.")
        alice.half_close()
        alice.rest()
        with self.assertRaises(subprocess.TimeoutExpired):
            self.server.process.wait(0.5)
        self.store.thaw()
        self.server.wait_exit()
        self.server = self.begin()
        again = self.login("alice", rx(r"\* You are in #lobby .*"))
        again.ask_notice("/set", "bell on")

    def test_stop_while_it_is_stuck(self):
        """The daemon waits for it no longer than shutdown-grace."""
        self.server.reload(self.store.config + "shutdown-grace 1\n")
        self.server.wait_log("reloaded")
        alice = self.owner("alice")
        self.store.freeze()
        alice.ask("/join #dev")
        began = time.monotonic()
        self.server.signal(signal.SIGTERM)
        self.server.wait_exit()
        self.assertLess(time.monotonic() - began, 5)


class Killed(NamesCase):

    def found_again(self):
        self.server.wait_log("found the store")

    def test_again_and_again(self):
        """What somebody was told is so, whenever it is killed."""
        known = {}
        for i in range(12):
            name, password = "p%d" % i, "pw%d" % i
            one = self.server.client(name, source="127.0.1.%d" % (i + 1))
            self.server.mark()
            one.send("/register " + password)
            if i % 3 == 0:
                self.store.crash()
                one.until(rx(re.escape(yours(name)) + "|" + re.escape(NOT_NOW)
                             + "|" + re.escape(belongs(name))))
                self.found_again()
            else:
                one.until(yours(name))
                known[name] = password
                self.store.crash()
                self.found_again()
            one.hang_up()
        for name, password in known.items():
            self.login(name, rx(r"\* You are in #lobby .*"),
                       password=password)
        self.assertEqual(self.store.word("check")[0], 0)

    def test_a_login_is_asked_again(self):
        self.owner("alice").hang_up()
        one = self.server.newcomer()
        one.sync()
        self.store.freeze()
        one.send("/login alice sesame")
        self.server.client("bob")
        self.store.kill()
        self.store.begin()
        one.until("* You are now alice.")
        one.until(rx(r"\* You are in #lobby .*"))
        one.silence()

    def test_what_was_on_its_way(self):
        """Sent to it, and not kept: it is sent again."""
        alice = self.owner("alice")
        self.store.freeze()
        alice.ask("/join #two", "/set bell on", "/join #lobby")
        self.server.mark()
        self.store.kill()
        self.server.wait_log("no store at ")
        self.store.begin()
        self.found_again()
        alice.hang_up()
        again = self.login("alice", rx(r"\* You are in #lobby .*"))
        again.ask_notice("/set", "bell on")
        self.assertIn("#two", again.ask("/whois alice")[0])

    def test_told_once(self):
        """One warning, however long it is gone; and one when it is back."""
        self.store.kill()
        self.server.wait_log("no store at .*; nobody can log in until")
        bob = self.server.client("bob")
        for line in ("/register x", "/login alice x", "/seen alice"):
            self.assertEqual(bob.ask_error(line), NOT_NOW)
        until = time.monotonic() + 3
        wait.eventually(lambda: time.monotonic() > until, "three tries")
        log = "\n".join(self.server.log)
        self.assertEqual(log.count("no store at "), 1)
        self.server.mark()
        self.store.begin()
        self.found_again()
        bob.ask_notice("/register x", yours("bob"))


class File(NamesCase):

    def test_removed(self):
        """Chat goes on, and names stay their owners'; a new file has none."""
        alice, bob = self.owner("alice"), self.server.client("bob")
        for path in glob.glob(self.store.file + "*"):
            os.remove(path)
        alice.sync()
        alice.ask("/set quiet on", "/join #dev", "/join #lobby")
        bob.send("hello")
        alice.until("[#lobby] bob: hello")
        self.assertEqual(bob.ask_error("/register sesame"), NOT_NOW)
        self.assertEqual(bob.ask_error("/nick alice"), belongs("alice"))
        alice.send("still there?")
        bob.expect("[#lobby] alice: still there?")
        self.server.mark()
        self.store.restart()
        self.server.wait_log("found the store")
        alice.until("* alice is nobody's any more; you still have it.")
        bob.ask_notice("/register sesame", yours("bob"))
        alice.ask_notice("/register sesame", yours("alice"))


class FakeStore:
    """Something that listens where the store should."""

    def __init__(self, test, say, kind=socket.SOCK_SEQPACKET):
        self.path = files.scratch_path("fake.socket")
        self._say = say
        self._listener = socket.socket(socket.AF_UNIX, kind)
        self._listener.bind(self.path)
        files.give_away(self.path)
        self._listener.listen(8)
        self.came = threading.Event()
        self._over, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        test.addCleanup(self._close)

    def _run(self):
        ends = []
        while True:
            ready = select.select([self._listener, self._over], [], [])[0]
            if self._over in ready:
                break
            end, _ = self._listener.accept()
            ends.append(end)
            try:
                for packet in self._say:
                    end.send(packet)
            except OSError:
                pass
            self.came.set()
        for end in ends:
            end.close()

    def _close(self):
        os.write(self._end, b".")
        self._thread.join(wait.DEADLINE)
        self._listener.close()
        os.close(self._over)
        os.close(self._end)


class NoStore(Case):

    def check(self, server, why):
        """It is told why, and chat goes on."""
        server.wait_log("no store at .*: .*%s.*; nobody can log in" % why)
        alice, bob = server.people("alice", "bob")
        self.assertIn(alice.ask_error("/register x"), (NOT_NOW,))
        alice.send("hello")
        bob.until("[#lobby] alice: hello")

    def test_no_such_file(self):
        server = self.daemon("store /nonexistent/socket\n")
        self.check(server, "No such file or directory")

    def test_not_a_socket(self):
        path = files.written("names.socket", "text")
        self.check(self.daemon("store %s\n" % path), "Connection refused")

    def test_another_kind(self):
        fake = FakeStore(self, [], socket.SOCK_STREAM)
        self.check(self.daemon("store %s\n" % fake.path), "rotocol")

    def test_garbage(self):
        for packet in (b"garbage", b"\0" * 100, b"\xff" * 8000, b"\x01",
                       b"\x0e" * 30000, bytes(range(256))):
            with self.subTest(packet[:8]):
                fake = FakeStore(self, [packet])
                server = self.daemon("store %s\n" % fake.path)
                self.check(server, "understands")

    def test_nothing(self):
        """It takes the connection, and says nothing at all."""
        fake = FakeStore(self, [])
        server = self.daemon("store %s\n" % fake.path)
        self.assertTrue(fake.came.wait(wait.DEADLINE))
        alice, bob = server.people("alice", "bob")
        alice.send("/register x")
        bob.send("hello")
        alice.until("[#lobby] bob: hello")
        bob.ask_notice("/seen alice", "* alice is here.")


@NEEDED
class Reload(Case):

    def test_none_and_back(self):
        server = self.daemon()
        alice, bob = server.people("alice", "bob")
        self.assertEqual(alice.ask_error("/register sesame"), NOTHING)
        store = NamesStore(self)
        server.reload(store.config)
        server.wait_log("found the store")
        alice.ask_notice("/register sesame", yours("alice"))
        alice.join("#dev")
        bob.sync()
        server.mark()
        server.reload("store none\n")
        server.wait_log("reloaded")
        alice.until("* alice is nobody's any more; you still have it.")
        self.assertEqual(alice.ask_error("/login alice sesame"), NOTHING)
        alice.rename("al")
        bob.rename("alice")
        server.mark()
        server.reload(store.config)
        server.wait_log("found the store")
        bob.until(belongs("alice"))
        bob.until(rx(r"\* You are now guest\d+\."))
        alice.sync()
        alice.send("/login alice sesame")
        alice.until("* You are now alice.")

    def test_another(self):
        one, other = NamesStore(self), NamesStore(self)
        server = self.daemon(one.config)
        server.wait_log("found the store")
        alice = server.client("alice")
        alice.ask_notice("/register sesame", yours("alice"))
        server.mark()
        server.reload(other.config)
        server.wait_log("found the store at " + other.socket)
        alice.until("* alice is nobody's any more; you still have it.")
        alice.ask_notice("/register other", yours("alice"))
        server.mark()
        server.reload(one.config)
        server.wait_log("found the store at " + one.socket)
        alice.hang_up()
        guest = server.guest()
        guest.ask_error("/login alice other", "Wrong password")
        guest.send("/login alice sesame")
        guest.until("* You are now alice.")


if __name__ == "__main__":
    main()
