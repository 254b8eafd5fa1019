#!/usr/bin/env python3
"""What a daemon asks of banter-store, and what it is answered."""

import os
import socket
import sqlite3

from banter import files
from banter.case import main
from banter.store import Closed, Peer, StoreCase, packed, seconds


class Questions(StoreCase):

    def test_register_and_login(self):
        store = self.store()
        peer = store.peer()
        got = peer.ask("REGISTER", "Alice", "secret")
        self.assertEqual((got.result, got.name), ("OK", "Alice"))
        self.assertEqual(peer.names, {"Alice": got.owner})
        again = peer.ask("LOGIN", "aLICE", "secret")
        self.assertEqual(again[:3], ("OK", "Alice", got.owner))
        self.assertLess(abs(again.when - seconds()), 60)
        self.assertEqual(again.state, b"")
        self.assertEqual(peer.ask("LOGIN", "Alice", "Secret").result, "WRONG")
        self.assertEqual(peer.ask("LOGIN", "Alice", "").result, "WRONG")
        self.assertEqual(peer.ask("LOGIN", "bob", "secret").result, "UNKNOWN")
        self.assertEqual(
            peer.ask("REGISTER", "ALICE", "another").result, "TAKEN")
        self.assertEqual(peer.ask("REGISTER", "bob", "").result, "WRONG")

    def test_it_is_all_there_after_a_restart(self):
        store = self.store()
        peer = store.peer(epoch=7)
        owner = peer.ask("REGISTER", "alice", "secret").owner
        peer.keep("ITEM_STATE", owner, state=b"\0state\xff")
        peer.keep("ITEM_LEFT", owner, when=1234)
        store.stop()
        store.start()
        peer = store.peer(epoch=7)
        self.assertEqual(peer.names, {"alice": owner})
        self.assertEqual(peer.last, 2)
        got = peer.ask("LOGIN", "alice", "secret")
        self.assertEqual((got.owner, got.state), (owner, b"\0state\xff"))
        self.assertEqual(store.peer(epoch=8).last, 0)

    def test_passwd(self):
        peer = self.store().peer()
        peer.ask("REGISTER", "alice", "one")
        self.assertEqual(
            peer.ask("PASSWD", "alice", "two", "three").result, "WRONG")
        self.assertEqual(
            peer.ask("PASSWD", "alice", "one", "").result, "WRONG")
        self.assertEqual(
            peer.ask("PASSWD", "bob", "one", "two").result, "UNKNOWN")
        self.assertEqual(
            peer.ask("PASSWD", "alice", "one", "two")[:2], ("OK", "alice"))
        self.assertEqual(peer.ask("LOGIN", "alice", "one").result, "WRONG")
        self.assertEqual(peer.ask("LOGIN", "alice", "two").result, "OK")

    def test_unregister(self):
        store = self.store()
        peer, other = store.peer(epoch=1), store.peer(epoch=2)
        owner = peer.ask("REGISTER", "alice", "x").owner
        peer.keep("ITEM_STATE", owner, state=b"MARKER-OF-STATE" * 9)
        self.assertEqual(peer.ask("UNREGISTER", "alice", "y").result, "WRONG")
        self.assertEqual(
            peer.ask("UNREGISTER", "nobody", "y").result, "UNKNOWN")
        self.assertEqual(
            peer.ask("UNREGISTER", "alice", "x")[:3], ("OK", "alice", owner))
        self.assertEqual(peer.names, {})
        self.assertEqual(other.read(), ("NAME", {
            "name": "alice", "owner": owner, "flags": 0}))
        self.assertEqual(other.read()[0], "FORGOTTEN")
        got = peer.ask("REGISTER", "alice", "x")
        self.assertGreater(got.owner, owner)
        self.assertEqual(peer.ask("LOGIN", "alice", "x").state, b"")
        store.stop()
        for name in os.listdir(store.directory):
            with open(os.path.join(store.directory, name), "rb") as file:
                self.assertNotIn(b"MARKER-OF-STATE", file.read(), name)

    def test_seen(self):
        peer = self.store().peer()
        owner = peer.ask("REGISTER", "Alice", "x").owner
        self.assertEqual(peer.ask("SEEN", "bob").result, "UNKNOWN")
        peer.keep("ITEM_LEFT", owner, when=seconds() + 9999)
        got = peer.ask("SEEN", "alice")
        self.assertEqual(got[:2], ("OK", "Alice"))
        self.assertLess(abs(got.when - seconds()), 60)

    def test_names_per_host(self):
        peer = self.store().peer(names_per_host=2)

        def register(name, host):
            return peer.ask("REGISTER", name, "x", host=host).result

        self.assertEqual(register("a", "h1"), "OK")
        self.assertEqual(register("b", "h1"), "OK")
        self.assertEqual(register("c", "h1"), "TOO_MANY")
        self.assertEqual(register("c", "h2"), "OK")
        peer.send("LIMITS", names_per_host=3, name_expiry=0)
        self.assertEqual(register("d", "h1"), "OK")
        peer.send("LIMITS", names_per_host=0, name_expiry=0)
        self.assertEqual(register("e", "h3"), "TOO_MANY")

    def test_two_register_the_same_at_once(self):
        peer = self.store().peer(names_per_host=100)
        numbers = [peer.begin("REGISTER", "alice", str(i)) for i in range(9)]
        results = [peer.answer(number).result for number in numbers]
        self.assertEqual(sorted(results), ["OK"] + 8 * ["TAKEN"])
        numbers = [peer.begin("REGISTER", "n%d" % i, "x", host="h")
                   for i in range(5)]
        peer.send("LIMITS", names_per_host=2, name_expiry=0)
        results = [peer.answer(number).result for number in numbers]
        self.assertLess(results.count("OK"), 5)

    def test_expiry(self):
        store = self.store()
        peer = store.peer(name_expiry=100)
        gone = peer.ask("REGISTER", "gone", "x").owner
        here = peer.ask("REGISTER", "here", "x").owner
        back = peer.ask("REGISTER", "back", "x").owner
        self.assertEqual(
            store.say("register", "boss", text="x\n")[0], 0)
        peer.keep("ITEM_LEFT", here, when=1)
        peer.keep("ITEM_LEFT", back, when=1)
        peer.ask("LOGIN", "back", "x")
        peer.keep("ITEM_LEFT", back, when=seconds())
        peer.keep("ITEM_LEFT", here, when=1)
        peer.ask("LOGIN", "here", "x")
        self.assertEqual(peer.ask("SEEN", "gone").result, "OK")
        peer.send("LIMITS", names_per_host=10, name_expiry=1)
        peer.keep("ITEM_LEFT", gone, when=1)
        while "gone" in peer.names:
            peer.read()
        while "back" in peer.names:
            peer.read()
        self.assertEqual(set(peer.names), {"here", "boss"})


class Items(StoreCase):

    def test_what_comes_again_is_ignored(self):
        store = self.store()
        peer = store.peer(epoch=5)
        owner = peer.ask("REGISTER", "alice", "x").owner
        peer.keep("ITEM_STATE", owner, state=b"one")
        peer.keep("ITEM_STATE", owner, state=b"two")
        other = store.peer(epoch=5)
        self.assertEqual(other.last, 2)
        other.items = 0
        other.kept = 0
        other.keep("ITEM_STATE", owner, state=b"one")
        self.assertEqual(other.ask("LOGIN", "alice", "x").state, b"two")
        other.keep("ITEM_STATE", owner, state=b"never")
        other.keep("ITEM_STATE", owner, state=b"three")
        self.assertEqual(other.ask("LOGIN", "alice", "x").state, b"three")

    def test_many_epochs(self):
        store = self.store()
        owner = store.peer(epoch=1).ask("REGISTER", "alice", "x").owner
        for epoch in range(1, 12):
            peer = store.peer(epoch=epoch)
            self.assertEqual(peer.last, 0)
            peer.keep("ITEM_STATE", owner, state=b"s%d" % epoch)
            peer.close()
        self.assertEqual(store.peer(epoch=11).last, 1)
        self.assertEqual(store.peer(epoch=1).last, 0)

    def test_an_owner_nobody_knows(self):
        store = self.store()
        peer = store.peer()
        peer.keep("ITEM_STATE", 12345, state=b"x" * 4096)
        peer.keep("ITEM_LEFT", 12345, when=2**64 - 1)
        peer.keep("ITEM_LEFT", 2**64 - 1, when=1)
        store.stop()
        self.assert_whole(store)


class Peers(StoreCase):

    def refused(self, store, *messages):
        peer = Peer(store.socket)
        try:
            for message in messages:
                peer.send_bytes(message)
        except Closed:
            pass
        peer.expect_end()

    def test_another_protocol(self):
        store = self.store()
        peer = Peer(store.socket)
        peer.send("HELLO", protocol=2, epoch=1, names_per_host=1,
                  name_expiry=0)
        self.assertEqual(peer.read(), ("REFUSED", {"protocol": 1}))
        peer.expect_end()

    def test_what_is_no_message(self):
        store = self.store()
        hello = packed("HELLO", protocol=1, epoch=1, names_per_host=1,
                       name_expiry=0)
        peer = store.peer()
        self.refused(store, b"\0")
        self.refused(store, b"x" * 9000)
        self.refused(store, hello, packed("LOGIN", number=1, name="alice",
                                          host="h", password="x" * 9000))
        self.refused(store, packed("SEEN", number=1, name="alice"))
        self.refused(store, hello, hello)
        self.refused(store, hello, hello[:-1])
        self.refused(store, hello, packed("KEPT", number=1))
        self.refused(store, hello, packed("NAMES_END"))
        self.refused(store, hello, packed("ITEM_LEFT", number=0, owner=1,
                                          when=1))
        for name in ("", "1", "a b", "x" * 25):
            self.refused(store, hello, packed("SEEN", number=1, name=name))
        self.assertEqual(peer.ask("SEEN", "bob").result, "UNKNOWN")

    def test_who_does_not_read(self):
        store = self.store()
        peer = store.peer()
        slow = store.peer(epoch=2)
        peer.ask("REGISTER", "alice", "x")
        slow.socket.setblocking(False)
        try:
            for i in range(10**6):
                slow.begin("SEEN", "alice")
        except (Closed, BlockingIOError):
            pass
        self.assertEqual(peer.ask("SEEN", "alice").result, "OK")

    def test_many(self):
        store = self.store()
        peers = [store.peer(epoch=n) for n in range(1, 17)]
        extra = Peer(store.socket)
        extra.expect_end()
        peers.pop().close()
        owner = peers[0].ask("REGISTER", "alice", "x").owner
        for peer in peers:
            while peer.names != {"alice": owner}:
                peer.read()

    def test_ten_thousand_names(self):
        store = self.store()
        peer = store.peer(names_per_host=1)
        peer.ask("REGISTER", "alice", "x")
        store.stop()
        with sqlite3.connect(store.path) as db:
            db.executemany(
                "INSERT INTO names (name, hash, host, registered, seen, here,"
                " by_admin, state) SELECT ?, hash, '', 1, 1, 0, 0, x''"
                " FROM names WHERE name = 'alice'",
                [("n%d" % i,) for i in range(9999)])
        db.close()
        store.start()
        peer = store.peer()
        self.assertEqual(len(peer.names), 10000)
        self.assertEqual(peer.ask("REGISTER", "bob", "x").result, "FULL")
        self.assertEqual(store.say("register", "bob", text="x\n")[0], 1)
        self.assertEqual(peer.ask("LOGIN", "n77", "x").result, "OK")
        self.assertEqual(store.say("names")[1].count("\n"), 10000)


class Passed(StoreCase):

    def test_the_service_manager_passes_a_socket(self):
        path = files.scratch_path("passed")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as passed:
            passed.bind(path)
            os.chmod(path, 0o666)
            passed.listen()
            store = self.store(passed=passed)
        self.assertEqual(store.peer().ask("SEEN", "alice").result, "UNKNOWN")
        self.assertEqual(store.say("names")[0], 0)


if __name__ == "__main__":
    main()
