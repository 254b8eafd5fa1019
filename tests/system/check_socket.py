"""banterd.socket: systemd holds the port."""

from box import PORT, UNIT, BoxTest
from banter.wait import eventually

SOCKET = "banterd.socket"
UNIX = "/run/banterd/banter.sock"
GATE = "/run/banterd/gate"


class Socket(BoxTest):
    @classmethod
    def setUpClass(cls):
        box = cls.box
        box.configure("listen 127.0.0.1:5533\n")
        box.drop_in(f"[Socket]\nListenStream={UNIX}\nSocketMode=0666\n",
                    SOCKET)
        box.systemctl("stop", UNIT)
        box.systemctl("enable", "--now", SOCKET)

    @classmethod
    def tearDownClass(cls):
        box = cls.box
        box.no_drop_in(SOCKET)
        box.configure("")
        # As docs/lan.md says; the file's lines count again.
        box.systemctl("disable", "--now", SOCKET)
        box.systemctl("restart", UNIT)
        out = box.run("ss", "-Hltn").stdout
        if f"0.0.0.0:{PORT}" not in out:
            raise AssertionError("the file's listen lines do not count:\n" +
                                 out)

    def setUp(self):
        # A start limit that is reached would take the socket down, too.
        self.box.systemctl("reset-failed")
        self.before = self.box.cursor()

    def assert_chat(self):
        """Over TCP from the LAN and over the UNIX socket."""
        with self.box.laptop_nc() as a, self.box.nc("-U", UNIX) as b:
            a.expect("in #lobby")
            b.expect("in #lobby")
            a.send("over TCP")
            b.expect("over TCP")
            b.send("over the file")
            a.expect("over the file")

    def test_01_started_by_a_connection(self):
        box = self.box
        self.assertEqual(box.show("ActiveState"), "inactive")
        self.assert_chat()
        self.assertTrue(box.is_active())

    def test_02_replaces_the_files_listen_lines(self):
        out = self.box.run("ss", "-Hltn").stdout
        self.assertIn(":" + PORT, out)
        self.assertNotIn(":5533", out)

    def test_03_wait_and_be_served(self):
        """Who connects while nothing runs waits in the backlog."""
        box = self.box
        box.run("mkfifo", "--mode=0666", GATE)
        self.addCleanup(box.run, "rm", GATE)
        self.addCleanup(box.no_drop_in)
        box.drop_in(f"[Service]\nExecStartPre=/bin/sh -c 'read x <{GATE}'\n")
        box.systemctl("stop", UNIT)
        box.systemctl("start", "--no-block", UNIT)
        eventually(lambda: box.show("ActiveState") == "activating",
                   "the start waits at the gate")
        with box.laptop_nc("192.0.2.1", "-v") as a, \
                box.nc("-v", "-U", UNIX) as b:
            a.expect("succeeded")
            a.send("I was early")
            self.assertTrue(a.is_silent())
            box.run("sh", "-c", f"echo >{GATE}")
            b.expect("in #lobby")
            b.expect("I was early")
            a.expect("in #lobby")

    def test_04_restart_loses_no_one_who_connects(self):
        """People who keep connecting through restarts are all served."""
        box = self.box
        for _ in range(5):
            box.systemctl("restart", "--no-block", UNIT)
            with box.laptop_nc() as somebody:
                # Either daemon may have taken the connection; nobody is
                # turned away.
                line = somebody.line()
                self.assertIsNotNone(line)
                self.assertIn("Welcome", line)
        eventually(box.is_active, "the restarts are over")
        self.assert_chat()

    def test_05_reload_keeps_them(self):
        box = self.box
        pid = box.main_pid()
        with box.laptop_nc() as old:
            old.expect("in #lobby")
            box.configure("listen 127.0.0.1:5533\nserver-name again\n")
            box.systemctl("reload", UNIT)
            with box.laptop_nc() as new:
                self.assertEqual(new.line(), "* Welcome to banter on again.")
                new.expect("in #lobby")
                new.send("hello")
                old.expect("hello")
        self.assertNotIn(":5533", box.run("ss", "-Hltn").stdout)
        self.assertEqual(box.main_pid(), pid)

    def test_06_socket_file_survives_a_stop(self):
        box = self.box
        box.systemctl("stop", UNIT)
        box.run("test", "-S", UNIX)
        self.assert_chat()

    def refused(self, listen):
        """A socket of the wrong kind: the start fails, with a clear line."""
        box = self.box
        box.systemctl("stop", SOCKET, UNIT)
        box.drop_in(f"[Socket]\n{listen}\n", SOCKET)
        box.drop_in("[Service]\nRestart=no\n")
        self.addCleanup(self.good_socket)
        box.systemctl("start", SOCKET)
        self.assertNotEqual(box.systemctl("start", UNIT,
                                          check=False).returncode, 0)
        self.assertEqual(box.show("ExecMainStatus"), "1")
        priority, _ = box.wait_journal(self.before, r"socket")
        self.assertEqual(priority, 3)

    def good_socket(self):
        box = self.box
        box.systemctl("stop", SOCKET)
        box.no_drop_in()
        box.drop_in(f"[Socket]\nListenStream={UNIX}\nSocketMode=0666\n",
                    SOCKET)
        box.systemctl("reset-failed")
        box.systemctl("start", SOCKET)
        self.assert_chat()

    def test_07_datagram_socket_is_refused(self):
        self.refused("ListenDatagram=127.0.0.1:5534")

    def test_08_packet_socket_is_refused(self):
        self.refused("ListenSequentialPacket=/run/banterd/packet.sock")

    def test_09_fifo_is_refused(self):
        self.refused("ListenFIFO=/run/banterd/fifo")

    def test_10_accepted_connections_are_refused(self):
        """A socket that does not listen is not one to serve people on."""
        box = self.box
        box.systemctl("stop", SOCKET, UNIT)
        self.addCleanup(self.good_socket)
        self.addCleanup(box.run, "rm", "-f",
                        "/run/systemd/system/banterd-one.service",
                        "/run/systemd/system/banterd-one@.service",
                        "/run/systemd/system/banterd-one.socket")
        box.write("/run/systemd/system/banterd-one.socket",
                  "[Socket]\nListenStream=127.0.0.1:5535\nAccept=yes\n")
        box.write("/run/systemd/system/banterd-one@.service",
                  "[Service]\nExecStart=/usr/sbin/banterd -f "
                  "/etc/banterd/banterd.conf\nUser=banterd\n")
        box.systemctl("daemon-reload")
        box.systemctl("start", "banterd-one.socket")
        self.addCleanup(box.systemctl, "stop", "banterd-one.socket")
        with box.nc("127.0.0.1", "5535") as somebody:
            somebody.expect_end()
        priority, _ = box.wait_journal(self.before, r"socket",
                                       r"banterd-one@.*\.service")
        self.assertEqual(priority, 3)
