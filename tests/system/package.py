"""Builds the package from the source tree, and a later one from that."""

import glob
import os
import shutil
import subprocess
import sys


def run(log, *command, **options):
    log.write(("\n$ " + " ".join(command) + "\n").encode())
    log.flush()
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL,
                          stdout=log, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        with open(log.name, encoding="utf-8", errors="replace") as f:
            print("".join(f.readlines()[-25:]))
        sys.exit("the package could not be made; the end of "
                 f"{log.name} is above")


def build(source, work):
    """Returns the path of the package."""
    tree = os.path.join(work, "package")
    for old in glob.glob(os.path.join(tree, "*.deb")):
        os.unlink(old)
    path = os.path.join(work, "package.log")
    print("building the package (log: " + path + ")", flush=True)
    with open(path, "wb") as log:
        run(log, "cmake", "-S", source, "-B", tree,
            "-DCMAKE_BUILD_TYPE=Release", "-DBANTERD_TESTS=OFF",
            "-DBANTERD_BENCH=OFF", "-DBANTERD_FUZZ=OFF",
            "-DBANTERD_SYSTEM_TESTS=OFF")
        run(log, "cmake", "--build", tree, "--parallel", "2")
        run(log, "cpack", "-G", "DEB", cwd=tree)
    (deb,) = glob.glob(os.path.join(tree, "*.deb"))
    return deb


def make_later(deb, work, version):
    """The same package with a higher version and a changed banterd.conf."""
    tree = os.path.join(work, "later")
    shutil.rmtree(tree, ignore_errors=True)
    later = os.path.join(work, f"later_{version}.deb")
    with open(os.path.join(work, "later.log"), "wb") as log:
        run(log, "dpkg-deb", "-R", deb, tree)
        control = os.path.join(tree, "DEBIAN/control")
        with open(control, encoding="utf-8") as f:
            lines = [f"Version: {version}\n" if line.startswith("Version:")
                     else line for line in f]
        with open(control, "w", encoding="utf-8") as f:
            f.writelines(lines)
        with open(os.path.join(tree, "etc/banterd/banterd.conf"), "a",
                  encoding="utf-8") as f:
            f.write("# A line that the later package brings.\n")
        run(log, "dpkg-deb", "--root-owner-group", "-b", tree, later)
    return later
