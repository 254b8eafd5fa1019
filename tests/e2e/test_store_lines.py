#!/usr/bin/env python3
"""What was said, over the protocol: kept through every crash, told to who
missed it, searched for, exported, erased."""

import json
import random
import sqlite3
import threading
import time

from banter import wait
from banter.case import main
from banter.store import Closed, Peer, StoreCase, room_list

ROUNDS = 40


def seconds():
    """Now, since 1970."""
    return int(time.time())


def line(text, room="#dev", name="bob", **fields):
    """An item: that was said."""
    return "ITEM_LINE", dict(fields, room=room, name=name, text=text,
                             when=fields.get("when", seconds()))


class Crash(StoreCase):
    def resend(self, peer, unsent):
        """Sends what is to be kept, a few at once, as a daemon does."""
        for at in range(0, len(unsent), 20):
            peer.item_batch(*[line("%d" % n) for n in unsent[at:at + 20]])

    def one_round(self, store, said, kept):
        """Says more until the store is killed; how much, and what is kept."""
        peer = store.peer(epoch=5)
        self.assertGreaterEqual(peer.kept, kept)
        self.resend(peer, range(peer.kept + 1, said + 1))
        end = time.monotonic() + random.uniform(0.01, 0.25)
        try:
            while time.monotonic() < end:
                n = random.randrange(1, 30)
                peer.item_batch(*[line("%d" % (said + i + 1))
                                  for i in range(n)])
                said += n
                while peer.items - peer.kept > 300:
                    peer.read()
            store.kill()
            while True:
                peer.read()
        except Closed:
            pass
        peer.close()
        return said, peer.kept

    def test_kill(self):
        """Of what it said that it is kept, nothing is missing, and nothing
        twice, after kill -9 in the middle of it, again and again."""
        store = self.store()
        said = kept = 0
        for _ in range(ROUNDS):
            said, kept = self.one_round(store, said, kept)
            store.start()
        peer = store.peer(epoch=5)
        self.assertGreaterEqual(peer.kept, kept)
        self.resend(peer, range(peer.kept + 1, said + 1))
        peer.wait_kept(said)
        peer.close()
        store.stop()
        self.assert_whole(store)
        with sqlite3.connect(store.path) as db:
            texts = [int(row[0]) for row in
                     db.execute("SELECT text FROM lines ORDER BY id")]
        db.close()
        self.assertEqual(texts, list(range(1, said + 1)))

    def test_kill_while_it_erases(self):
        """What is erased halfway is erased the next time."""
        store = self.store()
        peer = store.peer()
        for at in range(0, 4000, 100):
            peer.item_batch(*[line("SECRET %d" % n if n % 3 else "fine",
                                   name="bob" if n % 3 else "eve")
                              for n in range(at, at + 100)])
        peer.wait_kept(peer.items)
        peer.close()
        for delay in (0.005, 0.02, 0.05):
            asker = threading.Thread(target=store.say, args=("erase", "bob"))
            asker.start()
            time.sleep(delay)
            store.kill()
            asker.join()
            store.start()
        status, _, err = store.say("erase", "BOB")
        self.assertEqual((status, err), (0, ""))
        for part in ("", "-wal"):
            with open(store.path + part, "rb") as file:
                self.assertNotIn(b"SECRET", file.read())
        self.assertEqual(len(store.say("export", "#dev")[1].splitlines()), 1334)


class Lines(StoreCase):
    def person(self, peer, name):
        """A registered one."""
        return peer.ask("REGISTER", name, "x").owner

    def test_catch_up(self):
        """What somebody missed is counted at the login, told in pages, and
        never twice; a daemon that begins anew has left for everybody."""
        store = self.store()
        peer = store.peer(epoch=1)
        alice = self.person(peer, "alice")
        peer.item_batch(("ITEM_JOIN", dict(owner=alice, room="#dev")),
                        line("seen"), ("ITEM_LEFT", dict(owner=alice, when=1)),
                        line("one"), line("two"), line("three", room="#DEV"))
        self.assertEqual(peer.ask("LOGIN", "alice", "x").count, 3)
        answer, rows = peer.look("CATCHUP", owner=alice, count=2)
        self.assertEqual([row["text"] for row in rows], ["one", "two"])
        self.assertEqual(answer.count, 1)
        peer.item_batch(
            ("ITEM_SHOWN", dict(owner=alice, line=rows[-1]["line"])),
            ("ITEM_JOIN", dict(owner=alice, room="#dev")), line("here"))
        answer, rows = peer.look("CATCHUP", owner=alice, count=9)
        self.assertEqual([row["text"] for row in rows], ["three"])
        peer.item("ITEM_SHOWN", alice, line=rows[-1]["line"])
        peer.close()
        peer = store.peer(epoch=1)	# the same one, which comes back
        peer.item_batch(line("still here"))
        self.assertEqual(peer.look("CATCHUP", owner=alice, count=9)[1], [])
        peer.close()
        peer = store.peer(epoch=2)
        peer.item_batch(line("gone"))
        rows = peer.look("CATCHUP", owner=alice, count=9)[1]
        self.assertEqual([row["text"] for row in rows], ["gone"])
        peer.close()

    def test_single_items(self):
        """An item comes in a batch, or not at all; half a batch is none."""
        store = self.store()
        for data in (b"\x06" + b"\0" * 24, b"\x04\x05\0\0\0\x06"):
            peer = store.peer()
            peer.send_bytes(data)
            peer.expect_end()

    def test_notes(self):
        """A note is kept for who is not here, unless it comes from somebody
        whom they ignore, who is not told."""
        store = self.store()
        peer = store.peer()
        alice, bob = self.person(peer, "alice"), self.person(peer, "bob")

        def leave(text, name="BOB"):
            return peer.look("NOTE", owner=alice, name=name, text=text,
                             when=1, **{"from": "Alice"})[0]
        self.assertEqual(leave("one")[:2], ("OK", "bob"))
        self.assertEqual(leave("x", "eve").result, "UNKNOWN")
        rows = peer.look("NOTES", owner=bob)[1]
        self.assertEqual([(r["name"], r["text"], r["room"]) for r in rows],
                         [("Alice", "one", "")])
        peer.item("ITEM_STATE", bob, list=alice.to_bytes(8, "little"))
        self.assertEqual(leave("two").result, "OK")
        self.assertEqual(len(peer.look("NOTES", owner=bob)[1]), 1)
        peer.item("ITEM_READ", bob, line=rows[0]["line"])
        self.assertEqual(peer.look("NOTES", owner=bob)[1], [])
        peer.close()

    def test_export(self):
        """Every line of a room, and no other, as text and as JSON."""
        store = self.store()
        peer = store.peer()
        for at in range(0, 20000, 200):
            peer.item_batch(*[line("text %d" % n, room="#a" if n % 2 else "#b")
                              for n in range(at, at + 200)])
        peer.wait_kept(peer.items)
        peer.close()
        status, out, err = store.say("export", "#A", "--json")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([json.loads(row)["text"] for row in out.splitlines()],
                         ["text %d" % n for n in range(1, 20000, 2)])
        status, out, err = store.say("export", "#a", "--since", "2100-01-01")
        self.assertEqual((status, out, err), (0, "", ""))
        for words in (("#none",), ("none",)):
            status, out, err = store.say("export", *words)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("nothing is kept", err)
        self.assertEqual(store.say("export", "#a", "--since", "x")[0], 2)
        self.assertEqual(store.say("names", "--json")[0], 2)

    def test_erase(self):
        """Erasing waits for the daemons, and says so where one does not
        answer; what it sends later does not come back."""
        store = self.store()
        peer, deaf = store.peer(), Peer(store.socket).hello(epoch=3)
        peer.item_batch(line("SECRET"), line("fine", name="eve"))
        peer.wait_kept(peer.items)
        peer.close()
        status, out, err = store.say("erase", "bob")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("has not said", err)
        self.assertEqual(deaf.read()[0], "ERASE")	# and says it now
        deaf.item_batch(line("SECRET", when=seconds() - 60))
        deaf.wait_kept(deaf.items)
        rows = deaf.look("HISTORY", list=room_list("#dev"), count=9)[1]
        self.assertEqual([row["text"] for row in rows], ["fine"])
        deaf.close()
        status, out, err = store.say("erase", "bob")
        self.assertEqual((status, err), (0, ""))
        for part in ("", "-wal"):
            with open(store.path + part, "rb") as file:
                self.assertNotIn(b"SECRET", file.read())

    def test_keep(self):
        """Lines go when their time is over, also those of one room, and a room
        of which nothing is kept has none."""
        store = self.store()
        peer = store.peer(keep=3600)
        peer.send("ROOM_KEEP", room="#long", keep=0)
        peer.send("ROOM_KEEP", room="#none", keep=2**32 - 1)
        old = seconds() - 4000
        peer.item_batch(line("OLD", when=old), line("new"),
                        line("OLD but kept", room="#long", when=old),
                        line("OLD", room="#None"))
        peer.wait_kept(peer.items)
        rows = peer.look("FIND", list=room_list("#dev", "#long", "#none"),
                         text="o", count=9)[1]
        self.assertNotIn("#None", [row["room"] for row in rows])

        def gone():
            with open(store.path, "rb") as file:
                everything = file.read()
            with open(store.path + "-wal", "rb") as file:
                everything += file.read()
            return everything.count(b"OLD") == 1
        wait.eventually(gone, "what expired is gone", 30)
        rows = peer.look("HISTORY", list=room_list("#dev"), count=9)[1]
        self.assertEqual([row["text"] for row in rows], ["new"])
        peer.close()


if __name__ == "__main__":
    main()
