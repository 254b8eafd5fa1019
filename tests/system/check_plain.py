"""contrib/install: from a clone to a service, without a package."""

from box import CONF, PORT, STORE, STORE_SOCKET, UNIT, BoxTest

CLONE = "/root/banterd"


class Plain(BoxTest):
    """On a machine that has no banterd (any more)."""

    def install(self):
        return self.box.run(CLONE + "/contrib/install", timeout=600).stdout

    def test_01_install(self):
        box = self.box
        box.run("cp", "-r", "/packages/source", CLONE)
        out = self.install()
        self.assertIn("The service runs", out)
        self.assertTrue(box.is_active())
        self.assertEqual(box.show("UnitFileState"), "enabled")
        self.assertTrue(box.is_active(STORE_SOCKET))
        self.assertEqual(box.show("UnitFileState", STORE_SOCKET), "enabled")
        self.assertEqual(box.show("FragmentPath"),
                         "/usr/local/lib/systemd/system/" + UNIT)
        self.assertEqual(box.run("stat", "-c", "%a %U %G", CONF)
                         .stdout.strip(), "640 root banterd")

    def test_02_chat(self):
        box = self.box
        with box.nc("::1", PORT) as a, box.laptop_nc() as b:
            self.assertEqual(a.line(), "* Welcome to banter on box.")
            for person in (a, b):
                person.expect("in #lobby")
            a.send("hello from the box")
            b.expect("hello from the box")

    def test_03_one_configuration(self):
        """What "banterd -t" reads is what the service reads."""
        box = self.box
        shipped = box.read(CONF)
        box.write(CONF, shipped + "histroy 10\n")
        done = box.run("/usr/local/sbin/banterd", "-t", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("histroy", done.stderr)
        self.assertNotEqual(box.systemctl("reload", UNIT,
                                          check=False).returncode, 0)
        box.write(CONF, shipped + "server-name plain\n")
        box.systemctl("reload", UNIT)
        self.assertEqual(box.greeting(), "* Welcome to banter on plain.")

    def test_04_files_are_where_they_are_looked_for(self):
        box = self.box
        self.assertIn(f"{PORT}/tcp",
                      box.run("ufw", "app", "info", "banterd").stdout)
        for path in ("/etc/logrotate.d/banterd",
                     "/etc/avahi/services/banterd.service",
                     "/etc/firewalld/services/banterd.xml"):
            box.run("test", "-f", path)
        box.run("test", "!", "-e", "/usr/local/etc/banterd")
        box.run("logrotate", "--debug", "/etc/logrotate.d/banterd")
        done = box.run("systemd-analyze", "verify", UNIT, "banterd.socket",
                       STORE, STORE_SOCKET)
        self.assertEqual(done.stdout + done.stderr, "")

    def test_05_again(self):
        """An upgrade: the edited file stays, the new daemon runs, and people
        are where they were."""
        box = self.box
        pid = box.main_pid()
        with box.laptop_nc() as somebody:
            somebody.expect("in #lobby")
            self.install()
            self.assertNotEqual(box.main_pid(), pid)
            somebody.send("/topic still here")
            somebody.expect("still here")
        self.assertEqual(box.greeting(), "* Welcome to banter on plain.")

    def test_06_not_over_the_package(self):
        box = self.box
        box.write("/usr/sbin/banterd", "")
        self.addCleanup(box.run, "rm", "/usr/sbin/banterd")
        done = box.run(CLONE + "/contrib/install", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("package", done.stderr)
