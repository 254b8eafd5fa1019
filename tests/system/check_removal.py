"""Upgrades, and what is left in the end: nothing."""

from box import CONF, PORT, STORE, STORE_SOCKET, UNIT, BoxTest
from check_install import all_files
from banter.wait import eventually


class Removal(BoxTest):
    def upgrade(self, deb):
        """dpkg asks about the edited file; Enter takes what it proposes."""
        self.box.run("apt-get", "install", "--yes", "--allow-downgrades",
                     "--reinstall", deb, stdin="\n")

    def version(self):
        return self.box.run("dpkg-query", "-W", "-f=${Version}",
                            "banterd").stdout

    def moves_with_a_word(self, deb):
        """People are told, disconnected, and can come again at once."""
        box = self.box
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.upgrade(deb)
            somebody.expect("* The server is going down.")
            somebody.expect_end()
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
        self.assertTrue(box.is_active())

    def assert_no_trouble(self, before):
        """But that the earlier one has no store beside it, which the file
        names."""
        self.assertEqual([one for one in self.box.trouble(before)
                          if not one[1].startswith("no store at ")], [])

    def test_01_upgrade_keeps_an_edited_file(self):
        box = self.box
        box.wait_active()
        pid = box.main_pid()
        box.configure("server-name edited\n")
        box.write("/etc/banterd/motd", "Edited, too.\n")
        edited = box.read(CONF)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.upgrade(box.later)
            somebody.send("/topic still here")
            somebody.expect("still here")
        self.assertEqual(self.version(), "9.0.0-1")
        self.assertEqual(box.read(CONF), edited)
        self.assertEqual(box.run("stat", "-c", "%a %U %G", CONF)
                         .stdout.strip(), "640 root banterd")
        self.assertIn("later package", box.read(CONF + ".dpkg-dist"))
        self.assertTrue(box.is_active())
        self.assertNotEqual(box.main_pid(), pid)
        with box.laptop_nc() as somebody:
            self.assertEqual(somebody.line(),
                             "* Welcome to banter on edited.")
            self.assertEqual(somebody.line(), "* Edited, too.")

    def test_02_broken_configuration(self):
        """apt says which line is wrong; who chats is not put out for it."""
        box = self.box
        pid, good = box.main_pid(), box.read(CONF)
        box.configure("histroy 10\n")
        wrong = len(box.shipped_conf.splitlines()) + 1
        done = box.run("apt-get", "install", "--yes", "--reinstall", box.later,
                       stdin="\n")
        said = done.stdout + done.stderr
        self.assertIn(f"{CONF}:{wrong}: unknown keyword \"histroy\"", said)
        self.assertIn("systemctl restart banterd", said)
        self.assertTrue(box.is_active())
        self.assertEqual(box.main_pid(), pid)
        box.run("sh", "-c", f'cat >"{CONF}"', stdin=good)

    def test_03_an_earlier_version(self):
        """One that keeps nobody: back to it, and from it to this one."""
        box = self.box
        before = box.cursor()
        self.moves_with_a_word(box.earlier)
        self.assertEqual(self.version(), "1.0.0-1")
        self.moves_with_a_word(box.deb)
        self.assert_no_trouble(before)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.systemctl("restart", UNIT)
            somebody.send("/topic still here")
            somebody.expect("still here")

    def test_04_an_earlier_version_with_the_socket(self):
        box = self.box
        before = box.cursor()
        box.systemctl("stop", UNIT)
        box.systemctl("enable", "--now", "banterd.socket")
        box.systemctl("start", UNIT)
        self.moves_with_a_word(box.earlier)
        self.assertTrue(box.is_active("banterd.socket"))
        self.moves_with_a_word(box.deb)
        self.assertTrue(box.is_active("banterd.socket"))
        self.assert_no_trouble(before)
        box.systemctl("disable", "--now", "banterd.socket")
        box.systemctl("restart", UNIT)

    def test_05_disabled_stays_disabled(self):
        box = self.box
        box.systemctl("disable", "--now", UNIT)
        self.upgrade(box.deb)
        self.assertEqual(box.show("UnitFileState"), "disabled")
        self.assertEqual(box.show("ActiveState"), "inactive")

    def test_06_enabled_socket_stays_enabled(self):
        """And people are served by the new version, those who are there and
        those who wait at the port."""
        box = self.box
        box.systemctl("enable", "--now", "banterd.socket")
        box.systemctl("enable", "--now", UNIT)
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.upgrade(box.later)
            somebody.send("/topic still here")
            somebody.expect("still here")
        for unit in (UNIT, "banterd.socket"):
            self.assertEqual(box.show("UnitFileState", unit), "enabled")
            self.assertTrue(box.is_active(unit))
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")

    def test_07_remove_and_come_back(self):
        box = self.box
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            box.run("apt-get", "remove", "--yes", "banterd")
            somebody.expect("* The server is going down.")
        self.assertNotIn(f":{PORT}", box.run("ss", "-Hltn").stdout)
        box.run("test", "-e", CONF)
        box.run("apt-get", "install", "--yes", box.later)
        eventually(box.is_active, "it runs again")
        self.assertEqual(box.greeting(), "* Welcome to banter on edited.")

    def test_08_purge_leaves_nothing(self):
        box = self.box
        box.configure("log-target /var/log/banterd/banterd.log\n")
        box.systemctl("restart", UNIT)
        box.run("test", "-e", "/var/log/banterd/banterd.log")
        box.run("apt-get", "purge", "--yes", "banterd")
        self.assertEqual(all_files(box) - box.files_before, set())
        for name in ("banterd", "banter-store"):
            for database in ("passwd", "group"):
                self.assertNotEqual(box.run("getent", database, name,
                                            check=False).returncode, 0)
        for unit in (UNIT, "banterd.socket", STORE, STORE_SOCKET):
            self.assertEqual(box.show("LoadState", unit), "not-found")
        self.assertNotIn(f":{PORT}", box.run("ss", "-Hltn").stdout)
