#!/usr/bin/env python3
"""Nobody is disconnected by a restart: signals, listeners, reloads."""

import os
import re
import signal
import socket
import time

from banter.address import refused, reserve_address
from banter.case import Case, main
from banter.client import settle
from banter.command import run_banterd
from banter.files import scratch_path, written
from banter.host import needs_ipv6
from banter.line import CAME_BACK, GOING_DOWN, LOST_TRACK, rx
from banter.manager import KeptCase
from banter.wait import eventually


class Signals(KeptCase):

    def test_term_hands_over(self):
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        daemon.restart()
        daemon.wait_log("took over 2 clients in 1 room$")
        alice.send("still here?")
        bob.expect("[#lobby] alice: still here?")
        bob.send("/me nods")
        alice.expect("[#lobby] * bob nods")
        alice.silence()
        bob.silence()
        eventually(lambda: daemon.status == "2 clients in 1 room",
                   "the status tells of both")

    def test_one_client(self):
        daemon = self.kept()
        alice = daemon.client("alice")
        daemon.restart()
        daemon.wait_log("took over 1 client in 1 room$")
        alice.silence()

    def test_nobody_there(self):
        daemon = self.kept()
        for _ in range(2):
            daemon.restart()
            daemon.guest().hang_up()

    def test_int_stops(self):
        for lives in (1, 2):
            with self.subTest(lives):
                daemon = self.kept()
                alice, bob = daemon.people("alice", "bob")
                for _ in range(1, lives):
                    daemon.restart()
                daemon.signal(signal.SIGINT)
                for one in (alice, bob):
                    one.ends_with(GOING_DOWN)
                self.assertEqual(daemon.wait_exit(), 0)
                self.assertIn("STOPPING=1", daemon.told)
                self.assertFalse([line for line in daemon.log
                                  if "left (" in line])

    def test_int_is_stronger(self):
        """Of two that come at once the one that stops is meant."""
        for first, second in ((signal.SIGTERM, signal.SIGINT),
                              (signal.SIGINT, signal.SIGTERM)):
            with self.subTest(first):
                daemon = self.kept()
                alice = daemon.client("alice")
                daemon.freeze()
                daemon.signal(first)
                daemon.process.send_signal(second)
                daemon.thaw()
                alice.ends_with(GOING_DOWN)
                self.assertEqual(daemon.wait_exit(), 0)

    def test_int_while_a_queue_drains(self):
        """A stop still lets output drain, and tells why at its end."""
        daemon = self.kept("send-queue 1M\n")
        bob = daemon.client("bob", rcvbuf=4096)
        alice = daemon.client("alice")
        settle(alice, bob)
        texts = ["%d %s" % (n, "x" * 900) for n in range(600)]
        alice.ask(*texts)
        daemon.restart()
        daemon.signal(signal.SIGINT)
        for text in texts:
            bob.expect("[#lobby] alice: " + text)
        bob.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_usr1_and_usr2(self):
        """The counters go on where they were."""
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        alice.ask("/join #dev")
        daemon.signal(signal.SIGUSR1)
        before = [int(n) for n in daemon.wait_log(
            r"lines in (\d+), lines out (\d+), bytes in (\d+), "
            r"bytes out (\d+)").groups()]
        daemon.restart()
        daemon.signal(signal.SIGUSR2)
        settle(alice, bob)
        daemon.mark()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("uptime .* clients 2, rooms 2$")
        after = [int(n) for n in daemon.wait_log(
            r"lines in (\d+), lines out (\d+), bytes in (\d+), "
            r"bytes out (\d+)").groups()]
        for one, other in zip(before, after):
            self.assertLess(one, other)
        self.assertIn("accepted 2, ", daemon.wait_log("accepted .*").group())
        daemon.wait_log(r"person alice at 127\.0\.0\.1: #lobby, @#dev; idle")

    def test_uptime(self):
        """It is that of the chat, not of the process."""
        daemon = self.kept()
        alice = daemon.client("alice")
        alice.read_for(2.1)
        daemon.restart()
        daemon.signal(signal.SIGUSR1)
        self.assertGreaterEqual(
            int(daemon.wait_log(r"uptime (\d+) s")[1]), 2)

    def test_watchdog(self):
        """Each life feeds it."""
        daemon = self.kept(watchdog=0.4)
        daemon.guest()
        for _ in range(2):
            daemon.told.clear()
            daemon.wait_told(lambda: daemon.told.count("WATCHDOG=1") >= 2,
                             "the watchdog is fed")
            daemon.restart()

    def test_nothing_grows(self):
        """Life after life there is the same in the store."""
        daemon = self.kept()
        alice = daemon.client("alice")
        daemon.restart()
        names = daemon.names()
        for name in ("young0", "young1", "vault0", "vault1", "state"):
            self.assertEqual(names.count(name), 1, names)
        for _ in range(5):
            daemon.restart()
            self.assertEqual(daemon.names(), names)
        alice.silence()
        self.assertEqual(daemon.dropped, [])


class Often(KeptCase):

    def test_ten_in_a_row(self):
        daemon = self.kept()
        people = daemon.people("alice", "bob", "carol")
        for i in range(10):
            for one in people:
                one.send("line %d" % i)
            daemon.restart()
            daemon.wait_log("took over 3 clients")
            for one in people:
                said = sorted(one.next() for _ in range(2))
                self.assertEqual(said, sorted(
                    "[#lobby] %s: line %d" % (other.nick, i)
                    for other in people if other is not one))
        settle(*people)
        for one in people:
            one.silence()

    def test_at_any_moment(self):
        """Everything that three say to each other arrives, in order, while
        the daemon is restarted again and again."""
        daemon = self.kept()
        people = daemon.people("alice", "bob", "carol")
        for i in range(8):
            for one in people:
                one.send(*["n%d" % n for n in range(i * 40, i * 40 + 40)])
            daemon.restart()
        for one in people:
            heard = {other.nick: 0 for other in people if other is not one}
            for line in one.until(rx(".*n319")) + one.until(rx(".*n319")):
                said = re.fullmatch(r"\[#lobby\] (\w+): n(\d+)", line)
                if not said or int(said[2]) != heard[said[1]]:
                    one.fail("unexpected: %r, %s" % (line, heard))
                heard[said[1]] += 1
            self.assertEqual(set(heard.values()), {320})
            one.silence()

    def test_before_anything_else(self):
        """People who came in the last moment, some of them in this turn."""
        daemon = self.kept("default-room none\n")
        people = []
        for i in range(10):
            people += [daemon.connect("p%d" % n)
                       for n in range(i * 4, i * 4 + 4)]
            daemon.restart()
        for one in people:
            one.greeted()
        self.assertEqual(len({one.nick for one in people}), 40)
        settle(*people)


class Down(KeptCase):
    """Nobody runs: the kernel and the service manager keep everything."""

    def test_who_comes_is_served(self):
        path = scratch_path("sock")
        daemon = self.kept(listen=["127.0.0.1:0", path])
        alice = daemon.client("alice")
        daemon.hand_over()
        bob = daemon.connect("bob")
        bob.send("/nick bob", "good morning")
        carol = daemon.connect("carol", address=path)
        gone = daemon.connect("gone")
        gone.close()
        daemon.begin()
        bob.greeted()
        bob.until("* You are now bob.")
        alice.until("[#lobby] -- bob joined")
        alice.expect("[#lobby] bob: good morning")
        carol.greeted()
        carol.send("hello")
        alice.until("[#lobby] %s: hello" % carol.nick)

    def test_what_is_said_is_carried_out(self):
        daemon = self.kept()
        alice, bob = daemon.people("alice", "bob")
        daemon.hand_over()
        alice.send("one", "two", "/nick ann")
        bob.raw(b"half a ")
        daemon.begin()
        bob.expect("[#lobby] alice: one", "[#lobby] alice: two",
                   "[#lobby] -- alice is now ann")
        alice.expect("* You are now ann.")
        bob.raw(b"line\n")
        alice.expect("[#lobby] bob: half a line")

    def test_who_leaves_is_announced(self):
        daemon = self.kept()
        alice, bob, carol, dave, eve = daemon.people(
            "alice", "bob", "carol", "dave", "eve")
        daemon.hand_over()
        bob.send("/quit good night")
        carol.half_close()
        dave.reset()
        eve.send("bye")
        eve.half_close()
        daemon.begin()
        wanted = {"[#lobby] -- bob left (good night)",
                  "[#lobby] -- carol left",
                  "[#lobby] -- dave left (connection lost)",
                  "[#lobby] eve: bye", "[#lobby] -- eve left"}
        self.assertEqual({alice.next() for _ in range(5)}, wanted)
        alice.silence()
        self.assertEqual(bob.rest()[-1], "* Bye.")
        carol.rest()
        eve.rest()
        daemon.restart()
        alice.silence()
        alice.send("/who")
        alice.expect("* #lobby (1): alice")

    def test_at_once_and_many(self):
        """A queue of newcomers longer than one turn of the loop takes."""
        daemon = self.kept("default-room none\nmax-per-host 200\n")
        alice = daemon.client("alice")
        daemon.hand_over()
        people = [daemon.connect("p%d" % i) for i in range(80)]
        daemon.begin()
        for one in people:
            one.greeted()
        settle(alice, *people)


class Listeners(KeptCase):

    def begin(self, *addresses, config="", listeners=None, **how):
        self.lines = "".join("listen %s\n" % one for one in addresses)
        daemon = self.kept(self.lines + config, listen=None, ready=False,
                           **how)
        daemon.wait_listening(listeners or len(addresses))
        daemon.wait_ready()
        return daemon

    def test_port_0(self):
        """It stays the one that it was."""
        daemon = self.begin("127.0.0.1:0", "127.0.0.2:0")
        for _ in range(3):
            daemon.restart()
            for address in daemon.addresses:
                daemon.guest(address=address)

    @needs_ipv6
    def test_ipv6(self):
        daemon = self.begin("[::1]:0")
        alice = daemon.client("alice")
        daemon.restart()
        bob = daemon.client("bob")
        alice.ask("hello")
        bob.expect("[#lobby] alice: hello")

    def test_unix_socket(self):
        """The file stays the same one, and nobody is refused."""
        path = scratch_path("sock")
        daemon = self.begin(path + " mode 0606")
        alice = daemon.client("alice", address=path)
        before = os.stat(path)
        for _ in range(3):
            daemon.restart()
            after = os.stat(path)
            self.assertEqual((after.st_ino, after.st_mode, after.st_ctime),
                             (before.st_ino, before.st_mode, before.st_ctime))
            bob = daemon.client("bob", address=path)
            alice.until(rx(r"\[#lobby\] -- guest\d+ is now bob"))
            bob.send("/quit")
            bob.rest()
            alice.expect("[#lobby] -- bob left")
        daemon.stop()
        self.assertFalse(os.path.exists(path))

    def test_unix_socket_that_was_swept_away(self):
        path = scratch_path("sock")
        daemon = self.begin(path)
        alice = daemon.client("alice", address=path)
        os.unlink(path)
        daemon.restart()
        eventually(lambda: os.path.exists(path) and not refused(path),
                   "it is made anew")
        bob = daemon.client("bob", address=path)
        bob.ask("here again")
        alice.until("[#lobby] bob: here again")

    def test_unix_socket_of_another(self):
        """Somebody else has made a file of that name: it is theirs."""
        path = scratch_path("sock")
        daemon = self.begin(path)
        alice, bob = (daemon.client(nick, address=path)
                      for nick in ("alice", "bob"))
        settle(alice, bob)
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            os.chmod(path, 0o640)
            theirs = os.stat(path)
            for _ in range(2):
                daemon.restart()
                self.assertIn("is not there any more",
                              "\n".join(daemon.this_life))
            alice.send("still here")
            bob.expect("[#lobby] alice: still here")
            daemon.stop()
            self.assertEqual(os.stat(path), theirs)

    def test_changed_by_a_reload(self):
        stays, goes, comes = (reserve_address() for _ in range(3))
        daemon = self.begin(stays, goes)
        alice = daemon.client("alice", address=stays)
        bob = daemon.client("bob", address=goes)
        daemon.restart()
        daemon.reload("listen %s\nlisten %s\n" % (comes, stays))
        daemon.wait_log("listening on " + re.escape(comes))
        eventually(lambda: refused(goes), "it is closed")
        eventually(lambda: "listen3" in daemon.names(), "the new one is held")
        names = daemon.names()
        for _ in range(2):
            daemon.restart()
            self.assertEqual(daemon.names(), names)
            self.assertTrue(refused(goes))
            for address in (stays, comes):
                daemon.guest(address=address).hang_up()
        settle(alice, bob)
        bob.ask("still here")
        alice.expect("[#lobby] bob: still here")

    def test_changed_by_a_restart(self):
        """The file says something else by then."""
        stays, goes, comes = (reserve_address() for _ in range(3))
        path = scratch_path("sock")
        daemon = self.begin(stays, goes, path)
        alice = daemon.client("alice", address=stays)
        bob = daemon.client("bob", address=goes)
        daemon.write_config("listen %s\nlisten %s\n" % (stays, comes))
        daemon.restart()
        self.assertTrue(refused(goes))
        self.assertFalse(os.path.exists(path))
        daemon.guest(address=comes).hang_up()
        daemon.guest(address=stays).hang_up()
        settle(alice, bob)
        bob.ask("still here")
        alice.expect("[#lobby] bob: still here")
        self.assertEqual(len([name for name in daemon.names()
                              if name.startswith("listen")]), 2)

    def test_waiting_where_nobody_listens_any_more(self):
        """Who connected between two lives, to an address that the second has
        not, is served; and takes nobody's place."""
        port = reserve_address().rpartition(":")[2]
        before, path = "127.0.0.1:" + port, scratch_path("sock")
        daemon = self.begin(before, path)
        alice, bob = (daemon.client(nick, address=before)
                      for nick in ("alice", "bob"))
        settle(alice, bob)
        daemon.write_config("listen 0.0.0.0:%s\n" % port)
        daemon.hand_over()
        waiting = [daemon.connect("waiting", address=address)
                   for address in (before, path, before)]
        daemon.begin()
        for one in waiting:
            one.greeted()
        self.assertTrue(refused(path))
        bob.send("still here")
        alice.expect("[#lobby] bob: still here")
        waiting[1].send("as I am")
        alice.until(rx(r"\[#lobby\] guest\d+: as I am"))
        daemon.guest(address=before).hang_up()

    def test_more_than_are_held_at_once(self):
        """All are exchanged, and the manager need not hold twice as many."""
        old, new = ([reserve_address() for _ in range(6)] for _ in range(2))
        daemon = self.begin(*old, store_max=8 + len(old))
        alice = daemon.client("alice", address=old[0])
        names = daemon.names()
        daemon.reload("".join("listen %s\n" % one for one in new))
        eventually(lambda: len(daemon.names()) == len(names) and
                   len(set(daemon.names()) & set(names)) == 8,
                   "all are held")
        self.assertEqual(daemon.dropped, [])
        daemon.break_down()
        for one in new:
            self.assertFalse(refused(one))
        daemon.begin()
        alice.expect(CAME_BACK)

    def test_the_manager_is_busy(self):
        """It is told when it reads again, though nothing else happens."""
        old, new = reserve_address(), reserve_address()
        daemon = self.begin(old)
        eventually(lambda: daemon.status == "0 clients in 1 room",
                   "the status is told")
        names = daemon.names()
        began = time.monotonic()
        eventually(lambda: time.monotonic() - began > 1.2,
                   "a status would be told at once")
        with daemon.busy():
            daemon.told.clear()
            daemon.reload("listen %s\n" % new)
            daemon.wait_log("reloaded")
            began = time.monotonic()
            eventually(lambda: time.monotonic() - began > 1.2,
                       "it has tried again")
        eventually(lambda: "READY=1" in daemon.told, "it says that it is ready")
        eventually(lambda: daemon.names() != names and
                   len(daemon.names()) == len(names), "it is held")
        self.assertTrue(refused(old))

    def test_the_manager_is_busy_at_the_start(self):
        """It would wait for a READY=1 in vain, as nobody has anything to say."""
        daemon = self.begin(reserve_address())
        daemon.hand_over()
        for stored in list(daemon.store):
            daemon.take_out(stored)
        with daemon.busy():
            daemon.begin(ready=False)
            daemon.wait_log("listening on")
            began = time.monotonic()
            eventually(lambda: time.monotonic() - began > 2,
                       "it has waited a second for each, and goes on")
        daemon.wait_ready()

    def test_many(self):
        """More than a name of one digit, and back to one."""
        many = [reserve_address() for _ in range(20)]
        daemon = self.begin(*many)
        alice = daemon.client("alice", address=many[0])
        daemon.restart()
        for address in many:
            daemon.guest(address=address).hang_up()
        daemon.reload("listen %s\n" % many[3])
        eventually(lambda: refused(many[0]) and refused(many[19]),
                   "they are closed")
        daemon.restart()
        self.assertFalse(refused(many[3]))
        self.assertEqual(len([name for name in daemon.names()
                              if name.startswith("listen")]), 1)
        alice.sync()

    def test_of_a_socket_unit(self):
        """The unit's sockets are the unit's; clients are kept all the same."""
        sock = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(sock.close)
        daemon = self.kept(listen=None, sockets=[("banterd.socket", sock)])
        alice, bob = daemon.people("alice", "bob")
        for _ in range(3):
            daemon.restart()
            alice.ask("hello")
            bob.expect("[#lobby] alice: hello")
            daemon.guest().hang_up()
            alice.sync()
            bob.sync()
        self.assertFalse([name for name in daemon.names()
                          if name.startswith("listen")])


class Reloads(KeptCase):

    @staticmethod
    def motd(text):
        return "motd %s\n" % written("motd", text + "\n")

    def motd_is(self, daemon, text):
        def shown():
            one = daemon.connect("probe")
            one.expect("* Welcome to banter on box.")
            line = one.next()
            one.hang_up()
            return line == "* " + text
        eventually(shown, "the motd is %r" % text)

    def test_between(self):
        daemon = self.kept(self.motd("old"))
        alice, bob = daemon.people("alice", "bob")
        for i in range(4):
            daemon.reload(self.motd("of %d" % i))
            self.motd_is(daemon, "of %d" % i)
            daemon.restart()
            self.motd_is(daemon, "of %d" % i)
            alice.send("line %d" % i)
            bob.until("[#lobby] alice: line %d" % i)

    def test_a_restart_reads_the_file(self):
        daemon = self.kept("max-line 100\ndeny 127.9.0.0/16\n"
                           + self.motd("old"))
        alice = daemon.client("alice")
        daemon.write_config("max-line 200\ndeny 127.8.0.0/16\nroom #new\n"
                            "default-room #new\n" + self.motd("new"))
        daemon.restart()
        self.motd_is(daemon, "new")
        # the default room of the new file is another one
        alice.expect("* You run #lobby now: /kick and /op are yours.")
        alice.raw(b"x" * 201 + b"\n")
        alice.expect("! Line too long (limit 200 bytes); it was not sent.")
        bob = daemon.connect("bob", source="127.9.0.1")
        self.assertIn(" in #new (1 here", bob.greeted()[-1])
        alice.send("/who")
        alice.expect("* #lobby (1): @alice")

    def test_denied_by_a_restart(self):
        daemon = self.kept("max-per-host 20\n")
        alice = daemon.client("alice", source="127.0.0.1")
        bob = daemon.client("bob", source="127.9.0.1")
        settle(alice, bob)
        daemon.write_config("max-per-host 20\ndeny 127.9.0.0/16\n")
        daemon.restart()
        bob.ends_with("! Your address is not allowed here.")
        alice.expect("[#lobby] -- bob left (not allowed)")
        alice.silence()

    def test_fewer_clients_throws_nobody_out(self):
        daemon = self.kept("max-clients 10\nmax-per-host 10\n")
        people = daemon.people("alice", "bob", "carol")
        daemon.write_config("max-clients 2\nmax-per-host 1\nmax-joined 1\n")
        daemon.restart()
        settle(*people)
        people[0].ask("hello")
        people[2].expect("[#lobby] alice: hello")
        daemon.connect("late").ends_with(
            "! The server is full; try again later.")

    def test_without_a_password_any_more(self):
        """Who was asked for it is let in, as by a reload."""
        daemon = self.kept("password hush\n")
        one = daemon.connect("one")
        one.expect("* Welcome to banter on box.",
                   "* A password is needed: /pass PASSWORD")
        daemon.write_config("default-room none\n")
        daemon.restart()
        one.greeted()
        one.silence()


class Refusals(KeptCase):

    def test_without_a_manager(self):
        daemon = self.kept(notify=False)
        daemon.wait_log("warning: .*-k")
        alice = daemon.client("alice")
        daemon.signal(signal.SIGTERM)
        alice.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_a_manager_that_is_gone(self):
        daemon = self.kept(notify=False,
                           env={"NOTIFY_SOCKET": scratch_path("none")})
        daemon.wait_log("warning: ")
        alice = daemon.client("alice")
        daemon.signal(signal.SIGTERM)
        alice.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def test_not_kept_without_k(self):
        daemon = self.kept(args=())
        alice = daemon.client("alice")
        self.assertEqual(daemon.store, [])
        daemon.signal(signal.SIGTERM)
        alice.ends_with(GOING_DOWN)
        self.assertEqual(daemon.wait_exit(), 0)

    def without_k(self, daemon):
        """The next life is one that has no -k."""
        daemon.command = [word for word in daemon.command if word != "-k"]

    def test_passed_without_k(self):
        """Those who are there are told, and the daemon starts as ever."""
        for how in ("hand_over", "break_down"):
            with self.subTest(how):
                address, path = reserve_address(), scratch_path("sock")
                daemon = self.kept(listen=[address, path])
                alice, bob = daemon.people("alice", "bob")
                carol = daemon.client("carol", address=path)
                settle(alice, bob, carol)
                getattr(daemon, how)()
                names = set(daemon.names())
                self.assertLess({"vault0", "vault1", "state"}, names)
                self.without_k(daemon)
                daemon.begin()
                for one in (alice, bob, carol):
                    one.ends_with(LOST_TRACK)
                eventually(lambda: not daemon.store, "the store is empty")
                self.assertEqual(set(daemon.removed), names)
                for place in (address, path):
                    one = daemon.guest(address=place)
                    one.send("/who")
                    self.assertNotIn("alice", one.next())
                daemon.signal(signal.SIGTERM)
                one.rest()
                self.assertEqual(daemon.wait_exit(), 0)

    def test_k_again(self):
        """Without it for one life, and with it from then on."""
        daemon = self.kept(listen=[reserve_address()])
        alice = daemon.client("alice")
        daemon.hand_over()
        command = daemon.command
        self.without_k(daemon)
        daemon.begin()
        alice.ends_with(LOST_TRACK)
        bob = daemon.client("bob")
        daemon.signal(signal.SIGTERM)
        bob.ends_with(GOING_DOWN)
        daemon.ended(0)
        daemon.command = command
        daemon.begin()
        carol = daemon.client("carol")
        daemon.restart()
        carol.send("/who")
        carol.expect("* #lobby (1): carol")


class Usage(Case):

    def test_help(self):
        status, out, _ = run_banterd("-h")
        self.assertEqual(status, 0)
        self.assertIn("  -k ", out)


if __name__ == "__main__":
    main()
