"""banter-store: names that are still known afterwards, whatever ends."""

from box import CONF, PORT, STORE, STORE_SOCKET, UNIT, BoxTest
from banter.wait import eventually

PLACE = "/run/banter-store"
SOCKET = PLACE + "/socket"
DATA = "/var/lib/banter-store"
PASSWORD = "open-sesame"
NOT_NOW = "! Nothing can be kept just now"
NOT_HERE = "! Nothing is kept on this server."
# Exits with 13 where that is what the kernel says (EACCES).
CONNECT = ("socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die; "
           "connect(S, pack_sockaddr_un($ARGV[0])) or exit $! + 0")
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


class StoreTest(BoxTest):
    """What these checks share."""

    def setUp(self):
        self.box.wait_active()
        self.box.systemctl("reset-failed")
        self.before = self.box.cursor()

    def answer(self, somebody, line, begins):
        """Says it until the daemon has found its store, and there is an
        answer, which begins as it should."""
        def said():
            somebody.send(line)
            while True:
                text = somebody.line()
                self.assertIsNotNone(text, somebody.seen)
                if text.startswith(("! ", begins)):
                    return not text.startswith(NOT_NOW) and text

        self.assertIn(begins, eventually(said, f"{line} is answered"))

    def register(self, name):
        with self.box.laptop_nc() as somebody:
            somebody.expect("You are")
            somebody.send("/nick " + name)
            somebody.expect(f"* You are now {name}.")
            self.answer(somebody, "/register " + PASSWORD,
                        f"* {name} is yours now.")

    def assert_known(self, name):
        with self.box.laptop_nc() as somebody:
            somebody.expect("You are")
            self.answer(somebody, f"/login {name} {PASSWORD}",
                        f"* You are now {name}.")
        self.assertTrue(self.box.is_active(STORE))

    def assert_here(self, somebody):
        """Nobody has disconnected them."""
        somebody.send("/topic still here")
        somebody.expect("still here")

    def names(self):
        return self.box.run("banter-store", "names").stdout

    def stop_store(self):
        self.box.systemctl("stop", STORE_SOCKET, STORE)

    def as_at_boot(self):
        """Nothing runs, and the directory is new; then the service starts."""
        box = self.box
        box.systemctl("stop", UNIT)
        self.stop_store()
        box.run("rm", "-rf", PLACE, PLACE + "-root")
        box.run("systemd-tmpfiles", "--create", "banter-store.conf")
        box.systemctl("start", UNIT)


class Store(StoreTest):
    def test_01_socket(self):
        """It is there before anybody asks, and for the daemon alone."""
        box = self.box
        self.assertTrue(box.is_active(STORE_SOCKET))
        self.assertEqual(box.run("stat", "-c", "%a %U %G", SOCKET, PLACE)
                         .stdout.splitlines(),
                         ["660 root banterd", "1771 root banter-store"])

    def test_02_register(self):
        box = self.box
        self.register("alice")
        self.assertTrue(box.is_active(STORE))
        self.assertEqual(box.show("Type", STORE), "notify")
        self.assertIn("alice", self.names())
        self.assert_known("alice")
        self.assertEqual(box.trouble(self.before), [])

    def test_03_who_may_ask(self):
        box = self.box
        for path in (SOCKET, SOCKET + ".admin"):
            done = box.run(*NOBODY, "perl", "-MSocket", "-e", CONNECT, path,
                           check=False)
            self.assertEqual(done.returncode, 13, (path, done.stderr))
        for user in ("nobody", "banterd"):
            done = box.run("setpriv", "--reuid=" + user, "--regid=nogroup",
                           "--clear-groups", "banter-store", "names",
                           check=False)
            self.assertEqual(done.returncode, 1, (user, done.stderr))
            self.assertNotIn("alice", done.stdout)

    def test_04_files(self):
        """Only its user and root can read what is kept."""
        box = self.box
        self.assertEqual(box.run("stat", "-c", "%a %U %G", DATA)
                         .stdout.strip(), "700 banter-store banter-store")
        box.run("test", "-s", DATA + "/banter.db")
        self.assertEqual(box.run("find", DATA, "-type", "f", "(", "-perm",
                                 "/077", "-o", "-not", "-user",
                                 "banter-store", ")").stdout, "")

    def test_05_sandbox(self):
        box = self.box
        pid = box.main_pid(STORE)
        status = box.status_of_main(STORE)
        uid = box.run("id", "-u", "banter-store").stdout.strip()
        self.assertEqual(status["Uid"].split(), [uid] * 4)
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        for name in ("mnt", "user", "ipc", "uts", "net"):
            own = box.run("readlink", f"/proc/{pid}/ns/{name}").stdout
            init = box.run("readlink", f"/proc/1/ns/{name}").stdout
            self.assertNotEqual(own, init, name)
        writable = {line.split()[4] for line in
                    box.read(f"/proc/{pid}/mountinfo").splitlines()
                    if "rw" in line.split()[5].split(",")}
        self.assertIn(DATA, writable)
        self.assertLessEqual(writable, {
            DATA, PLACE, "/tmp", "/var/tmp", "/dev", "/dev/shm",
            "/dev/mqueue", "/dev/pts", "/dev/hugepages", "/proc", "/run",
            "/run/lock", "/dev/null", "/dev/zero", "/dev/full",
            "/dev/random", "/dev/urandom", "/dev/tty"})
        self.assertRegex(box.read(f"/proc/{pid}/limits"),
                         r"Max core file size +0 +0 ")

    def test_06_restarts(self):
        """Of either: the other one goes on, and so do people."""
        box = self.box
        with box.laptop_nc() as somebody:
            somebody.expect("You are")
            for unit, other in ((STORE, UNIT), (UNIT, STORE)):
                pid, goes_on = box.main_pid(unit), box.main_pid(other)
                box.systemctl("restart", unit)
                self.assertNotEqual(box.main_pid(unit), pid)
                self.assertEqual(box.main_pid(other), goes_on)
                self.assert_here(somebody)
                self.assert_known("alice")

    def test_07_kills(self):
        """Of both, at once and one after the other."""
        box = self.box
        with box.laptop_nc() as somebody:
            somebody.expect("You are")
            for units in ((STORE,), (UNIT,), (STORE, UNIT)):
                pids = {unit: box.main_pid(unit) for unit in units}
                box.kill("KILL", " ".join(pids.values()))
                for unit, pid in pids.items():
                    eventually(lambda u=unit, p=pid: box.show("MainPID", u)
                               not in ("0", p) and box.is_active(u),
                               f"{unit} runs again")
                self.assert_here(somebody)
                self.assert_known("alice")

    def test_08_stop(self):
        """People chat without it, and read why they can't log in."""
        box = self.box
        pid = box.main_pid()
        with box.laptop_nc() as a, box.nc("127.0.0.1", PORT) as b:
            for somebody in (a, b):
                somebody.expect("in #lobby")
            self.stop_store()
            self.addCleanup(box.systemctl, "start", STORE_SOCKET)
            box.run("test", "!", "-e", SOCKET)
            a.send("does it still work?")
            b.expect("does it still work?")
            a.send(f"/login alice {PASSWORD}")
            a.expect(NOT_NOW)
            self.assertTrue(box.is_active())
            self.assertFalse(box.is_active(STORE))
            box.systemctl("start", STORE_SOCKET)
            self.answer(a, f"/login alice {PASSWORD}",
                        "* You are now alice.")
        self.assertEqual(box.main_pid(), pid)

    def test_09_as_after_a_boot(self):
        """The start of banterd is enough."""
        self.as_at_boot()
        self.assertTrue(self.box.is_active(STORE_SOCKET))
        self.assert_known("alice")

    def test_10_without_the_socket(self):
        """Not even the directory is there: people chat all the same."""
        box = self.box
        self.addCleanup(self.as_at_boot)
        self.addCleanup(box.systemctl, "unmask", "--runtime", STORE_SOCKET)
        box.systemctl("stop", UNIT)
        self.stop_store()
        box.systemctl("mask", "--runtime", STORE_SOCKET)
        box.run("rm", "-r", PLACE)
        box.systemctl("start", UNIT)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            somebody.send(f"/login alice {PASSWORD}")
            somebody.expect(NOT_NOW)
            self.assert_here(somebody)

    def test_11_words(self):
        """For the admin: check, backup; a name is free again."""
        box = self.box
        self.assert_known("alice")
        box.run("banter-store", "check")
        self.addCleanup(box.run, "sh", "-c", "rm -f /root/names.db*")
        box.run("banter-store", "backup", "/root/names.db")
        box.run("test", "-s", "/root/names.db")
        self.assertEqual(box.run("stat", "-c", "%a %U", "/root/names.db")
                         .stdout.strip(), "600 root")
        self.assertIn("alice", box.run("banter-store", "-F", "/root/names.db",
                                       "names").stdout)
        self.register("bob")
        box.run("banter-store", "forget", "bob")
        self.assertNotIn("bob", self.names())
        self.register("bob")


class StoreUpgrade(StoreTest):
    """From a package without it, as people have it, to this one."""

    @classmethod
    def tearDownClass(cls):
        cls.box.configure("")
        cls.box.systemctl("restart", UNIT)

    def install(self, deb):
        """dpkg asks about the edited file; Enter takes what it proposes."""
        self.box.run("apt-get", "install", "--yes", "--reinstall", deb,
                     stdin="\n")

    def test_01_purge(self):
        box = self.box
        self.assert_known("alice")
        box.run("apt-get", "purge", "--yes", "banterd")
        for path in (DATA, PLACE, PLACE + "-root"):
            box.run("test", "!", "-e", path)
        self.assertNotEqual(box.run("getent", "passwd", "banter-store",
                                    check=False).returncode, 0)
        self.install(box.storeless)
        self.assertTrue(box.is_active())
        self.assertEqual(box.show("LoadState", STORE_SOCKET), "not-found")

    def test_02_upgrade(self):
        """Nobody is disconnected, and the file that they have is good."""
        box = self.box
        pid = box.main_pid()
        box.run("sh", "-c", f"echo server-name edited >>{CONF}")
        edited = box.read(CONF)
        self.assertNotIn("\nstore ", edited)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.install(box.deb)
            self.assert_here(somebody)
            self.assertNotEqual(box.main_pid(), pid)
            somebody.send("/nick alice")
            somebody.expect("* You are now alice.")
            somebody.send("/register " + PASSWORD)
            somebody.expect(NOT_HERE)
        self.assertEqual(box.read(CONF), edited)
        box.run("banterd", "-t")
        self.assertTrue(box.is_active(STORE_SOCKET))
        self.assertEqual(box.show("UnitFileState", STORE_SOCKET), "enabled")
        self.assertEqual(box.trouble(self.before), [])

    def test_03_switched_on(self):
        """By a line and a reload."""
        box = self.box
        box.run("sh", "-c", f"echo store {SOCKET} >>{CONF}")
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.systemctl("reload", UNIT)
            self.register("alice")
            self.assert_here(somebody)

    def test_04_upgrade_of_both(self):
        """Both are new ones, and the socket is the old one."""
        box = self.box
        pids = box.main_pid(), box.main_pid(STORE)
        socket = box.run("stat", "-c", "%i", SOCKET).stdout
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.install(box.deb)
            self.assert_here(somebody)
        for unit, pid in zip((UNIT, STORE), pids):
            self.assertNotEqual(box.main_pid(unit), pid)
        self.assertEqual(box.run("stat", "-c", "%i", SOCKET).stdout, socket)
        self.assert_known("alice")

    def test_05_remove_keeps_names(self):
        box = self.box
        box.run("apt-get", "remove", "--yes", "banterd")
        box.run("test", "-s", DATA + "/banter.db")
        box.run("test", "!", "-e", SOCKET)
        self.install(box.deb)
        self.assert_known("alice")
