#!/usr/bin/env python3
"""Installs the package in a booted Debian and checks what it promises.

Exit status: 0 all is well, 1 something is not, 77 cannot run here.
"""

import argparse
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# pylint: disable=wrong-import-position
import package
import root
from box import Box, BoxTest
from check_install import Install
from check_keep import Keep, KeepSocket, Poweroff
from check_plain import Plain
from check_removal import Removal
from check_sandbox import Sandbox
from check_service import Service
from check_socket import Socket
from check_store import Store, StoreUpgrade
from machine import Lan, Machine

EARLIER_VERSION = "1.0.0-1"
STORELESS_VERSION = "1.1.0-0"
LATER_VERSION = "9.0.0-1"
# Later ones build on what earlier ones left: order matters.
CASES = [Install, Sandbox, Service, Socket, Keep, KeepSocket, Store,
         StoreUpgrade, Removal, Plain, Poweroff]


def end_on_signal(number, _frame):
    sys.exit(128 + number)


def check(box):
    BoxTest.box = box
    suite = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(case)
        for case in CASES)
    result = unittest.TextTestRunner(verbosity=2, failfast=True,
                                     stream=sys.stdout).run(suite)
    if not result.wasSuccessful():
        print("The end of the box's journal:")
        print(box.run("journalctl", "-b", "-n", "40", "--no-pager", "-o",
                      "short-precise", check=False).stdout)
    return 0 if result.wasSuccessful() else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("--work", required=True)
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_on_signal)
    os.makedirs(args.work, exist_ok=True)
    lan = machine = None
    try:
        if os.geteuid() != 0:
            raise unittest.SkipTest("it needs root, to boot a container")
        directory = root.get()
        lan = Lan()
        deb = package.build(os.path.abspath(args.source), args.work)
        later = package.make_later(deb, os.path.dirname(deb), LATER_VERSION)
        earlier = package.make_earlier(deb, os.path.dirname(deb),
                                       EARLIER_VERSION)
        storeless = package.make_storeless(deb, os.path.dirname(deb),
                                           STORELESS_VERSION)
        machine = Machine(directory, lan, os.path.dirname(deb),
                          os.path.join(args.work, "machine.log"))
        machine.start()
        return check(Box(machine, lan, earlier, storeless, deb, later))
    except unittest.SkipTest as reason:
        print(f"SKIPPED: the system test cannot run here: {reason}")
        return 77
    finally:
        if machine is not None:
            machine.close()
        if lan is not None:
            lan.close()


if __name__ == "__main__":
    sys.exit(main())
