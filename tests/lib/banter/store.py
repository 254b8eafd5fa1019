"""A running banter-store, and a daemon as it sees one: a peer."""

import collections
import functools
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

from banter import files, process, wait
from banter.case import Case
from banter.command import check_sanitizer, clean_environment
from banter.daemon import PASSED
from banter.host import AS_NOBODY

# Where only this is tested, it is what the fixtures ask about leaks.
os.environ.setdefault("BANTERD", os.environ.get("BANTER_STORE", ""))

PROTOCOL = 1
KINDS = ("HELLO LIMITS ROOM_KEEP BATCH ITEM_STATE ITEM_LEFT ITEM_LINE "
         "ITEM_JOIN ITEM_PART ITEM_SHOWN ITEM_READ REGISTER LOGIN PASSWD "
         "UNREGISTER SEEN NOTE NOTES CATCHUP HISTORY FIND ERASED WELCOME "
         "REFUSED NAME NAMES_END FORGOTTEN KEPT ROW ERASE ANSWER").split()
RESULTS = ("OK WRONG THROTTLED UNKNOWN TAKEN TOO_MANY FULL BUSY FAILED "
           "MANY_NOTES").split()

# The fields of each kind, in the order in which they are written.
FIELDS = {
    "HELLO": "protocol epoch names_per_host name_expiry keep",
    "LIMITS": "names_per_host name_expiry keep",
    "ROOM_KEEP": "room keep",
    "ITEM_STATE": "number owner state list",
    "ITEM_LEFT": "number owner when",
    "ITEM_LINE": "number name owner when flags room text",
    "ITEM_JOIN": "number owner when flags room",
    "ITEM_PART": "number owner room",
    "ITEM_SHOWN": "number owner line room",
    "ITEM_READ": "number owner line",
    "REGISTER": "number name host password",
    "LOGIN": "number name host password",
    "PASSWD": "number name host password new_password",
    "UNREGISTER": "number name host password",
    "SEEN": "number name",
    "NOTE": "number name owner when flags from text",
    "NOTES": "number owner",
    "CATCHUP": "number owner room count",
    "HISTORY": "number owner count since until list",
    "FIND": "number owner text count list",
    "ERASED": "number",
    "WELCOME": "protocol number",
    "REFUSED": "protocol",
    "NAME": "name owner flags",
    "NAMES_END": "",
    "FORGOTTEN": "name owner",
    "KEPT": "number",
    "ROW": "number name owner when line flags room text",
    "ERASE": "number name",
    "ANSWER": "number result name owner when state count",
}
WIDTH = {"protocol": "<I", "names_per_host": "<I", "epoch": "<Q",
         "name_expiry": "<Q", "number": "<Q", "owner": "<Q", "when": "<Q",
         "result": "<B", "keep": "<I", "line": "<Q", "flags": "<B",
         "count": "<I", "since": "<Q", "until": "<Q"}

Answer = collections.namedtuple("Answer",
                                "result name owner when state count")


def packed(kind, **fields):
    """The bytes of a message."""
    out = bytes([KINDS.index(kind) + 1])
    for field in FIELDS[kind].split():
        value = fields.get(field, 0 if field in WIDTH else b"")
        if field in WIDTH:
            out += struct.pack(WIDTH[field], value)
        else:
            value = value if isinstance(value, bytes) else value.encode()
            out += struct.pack("<I", len(value)) + value
    return out


def unpacked(data):
    """The kind of a message, and its fields."""
    kind = KINDS[data[0] - 1]
    at, fields = 1, {}
    for field in FIELDS[kind].split():
        if field in WIDTH:
            fields[field], = struct.unpack_from(WIDTH[field], data, at)
            at += struct.calcsize(WIDTH[field])
            continue
        size, = struct.unpack_from("<I", data, at)
        fields[field] = data[at + 4:at + 4 + size]
        at += 4 + size
        if field != "state":
            fields[field] = fields[field].decode()
    if at != len(data):
        raise AssertionError("%d bytes too many: %r" % (len(data) - at, data))
    if "result" in fields:
        fields["result"] = RESULTS[fields["result"]]
    return kind, fields


def batch(*items):
    """The bytes of a batch of items that are packed."""
    return bytes([KINDS.index("BATCH") + 1]) + b"".join(
        struct.pack("<I", len(item)) + item for item in items)


def room_list(*names):
    """Rooms, none with a key, as they are asked about."""
    return b"".join(struct.pack("<I", len(name)) + name.encode() +
                    struct.pack("<BQ", 0, 0) for name in names)


class Closed(Exception):
    """The store has closed the connection."""


class Peer:
    """A connection to a banter-store."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(wait.DEADLINE)
        self.socket.connect(path)
        self.names = {}		# name: owner
        self.kept = 0
        self.last = None	# the last item that was kept before
        self.items = 0
        self.questions = 0
        self.answers = {}
        self.rows = {}		# of a question

    def close(self):
        """Ends it."""
        self.socket.close()

    def send(self, kind, **fields):
        """Sends a message."""
        self.send_bytes(packed(kind, **fields))

    def send_bytes(self, data):
        """Sends what may be none."""
        try:
            self.socket.send(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed() from None

    def read(self):
        """Reads a message, and notes what it says; its kind and fields."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed()
        kind, fields = unpacked(data)
        if kind == "NAME":
            self.names[fields["name"]] = fields["owner"]
        elif kind == "FORGOTTEN":
            if self.names.pop(fields["name"]) != fields["owner"]:
                raise AssertionError("another one is forgotten: %s" % fields)
        elif kind == "KEPT":
            self.kept = fields["number"]
        elif kind == "ROW":
            self.rows.setdefault(fields["number"], []).append(fields)
        elif kind == "ERASE":
            self.send("ERASED", number=fields["number"])
        elif kind == "ANSWER":
            rest = {k: v for k, v in fields.items() if k != "number"}
            self.answers[fields["number"]] = Answer(**rest)
        return kind, fields

    def hello(self, epoch=1, names_per_host=10, name_expiry=0,
              protocol=PROTOCOL, keep=0):
        """Says hello, and reads up to the end of the names."""
        self.send("HELLO", protocol=protocol, epoch=epoch,
                  names_per_host=names_per_host, name_expiry=name_expiry,
                  keep=keep)
        kind, fields = self.read()
        if kind != "WELCOME":
            raise AssertionError("not welcome: %s %s" % (kind, fields))
        self.items = self.last = self.kept = fields["number"]
        while self.read()[0] != "NAMES_END":
            pass
        return self

    def begin(self, kind, name, password=None, new=None, host="192.0.2.1"):
        """Asks; returns the question's number."""
        self.questions += 1
        self.send(kind, number=self.questions, name=name, password=password,
                  new_password=new, host=host)
        return self.questions

    def answer(self, number):
        """Waits for the answer to the question of that number."""
        while number not in self.answers:
            self.read()
        return self.answers.pop(number)

    def ask(self, kind, name, password=None, new=None, host="192.0.2.1"):
        """Asks, and waits for the answer."""
        return self.answer(self.begin(kind, name, password, new, host))

    def item(self, kind, owner=0, **fields):
        """Sends the next item; its number."""
        return self.item_batch((kind, dict(fields, owner=owner)))

    def item_batch(self, *items):
        """Sends the next items at once; the number of the last one."""
        out = []
        for kind, fields in items:
            self.items += 1
            out.append(packed(kind, number=self.items, **fields))
        self.send_bytes(batch(*out))
        return self.items

    def wait_kept(self, number):
        """Waits until everything up to that item is kept."""
        while self.kept < number:
            self.read()

    def keep(self, kind, owner=0, **fields):
        """Sends one, and waits until it is kept."""
        self.wait_kept(self.item(kind, owner, **fields))

    def look(self, kind, **fields):
        """Asks for lines or notes; the answer, and the rows."""
        self.questions += 1
        self.send(kind, number=self.questions, **fields)
        answer = self.answer(self.questions)
        return answer, self.rows.pop(self.questions, [])

    def expect_end(self):
        """Reads until the store has closed."""
        try:
            while True:
                self.read()
        except Closed:
            self.close()


def store_command():
    """The words that start banter-store, from BANTER_STORE; as nobody, if we
    are root."""
    command = shlex.split(os.environ.get("BANTER_STORE", ""))
    if not command:
        sys.exit("set BANTER_STORE to the banter-store to test")
    if AS_NOBODY:
        copy = files.shared_path("banter-store")
        if not os.path.exists(copy):
            shutil.copy(command[-1], copy)
            os.chmod(copy, 0o755)
        command[-1] = copy
    return command


def run_store(*words, text="", env=None, run_as=None):
    """Runs it to its end; exit status, stdout and stderr."""
    done = subprocess.run(
        store_command() + list(words), input=text.encode(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=wait.DEADLINE,
        env=clean_environment(env), preexec_fn=process.die_with_parent,
        check=False, **(AS_NOBODY if run_as is None else run_as))
    out, err = done.stdout.decode(), done.stderr.decode()
    check_sanitizer(err.splitlines())
    return done.returncode, out, err


class Store:
    """One banter-store that serves a file in a directory of its own.

    passed     a socket that it is started with, as systemd does
    """

    def __init__(self, path=None, ready=True, before_exec=None, env=None,
                 passed=None):
        self.path = path or files.scratch_path("banter.db")
        self.directory = os.path.dirname(self.path)
        self.socket = os.path.join(self.directory, "socket")
        self.log_path = os.path.join(self.directory, "log")
        self.command = store_command() + [
            "serve", "-s", self.socket, self.path]
        self.how = dict(AS_NOBODY)
        if passed:
            self.command = PASSED + self.command
            self.socket = passed.getsockname()
            self.how["pass_fds"] = (3,)
            before_exec = functools.partial(os.dup2, passed.fileno(), 3)
        self.environment = clean_environment(env)
        self.before_exec = before_exec
        self.process = None
        self.mark = 0
        self.start(ready)

    def start(self, ready=True):
        """Starts it, again."""
        with open(self.log_path, "ab") as log:
            self.mark = log.tell()
            self.process = process.start(
                self.command, self.before_exec, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, env=self.environment,
                **self.how)
        if ready:
            self.wait_log("serving ")

    def log(self):
        """What it has logged since it was started last."""
        with open(self.log_path, "rb") as log:
            log.seek(self.mark)
            return log.read().decode("utf-8", "replace")

    def wait_log(self, pattern, deadline=None):
        """Waits for a line in which the pattern is found; the match."""
        def found():
            match = re.search(pattern, self.log())
            if not match and self.process.poll() is not None:
                match = re.search(pattern, self.log())
                if not match:
                    raise AssertionError("it has ended (%s) without /%s/:\n%s"
                                         % (self.process.returncode, pattern,
                                            self.log()))
            return match
        return wait.eventually(found, "/%s/ is logged" % pattern, deadline)

    def peer(self, **how):
        """A peer that has said hello."""
        return Peer(self.socket).hello(**how)

    def say(self, *words, text=""):
        """What comes of a word, asked of it."""
        return run_store("-s", self.socket, *words, text=text)

    def kill(self):
        """Ends it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()
        process.forget(self.process)

    def wait_exit(self):
        """Waits for its end; its status."""
        try:
            status = self.process.wait(wait.DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError("it does not end:\n" + self.log()) from None
        check_sanitizer(self.log().splitlines())
        process.forget(self.process)
        return status

    def stop(self):
        """Asks it to end, and looks at how it did."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            if self.wait_exit() != 0:
                raise AssertionError("it ended badly:\n" + self.log())
        check_sanitizer(self.log().splitlines())
        process.forget(self.process)

    def offline(self, *words, text=""):
        """What comes of a word, asked of the file."""
        return run_store("-F", self.path, *words, text=text)


class StoreCase(Case):
    """Tests whose stores end with them, and are looked at."""

    def store(self, *args, **how):
        """A store that is stopped, and must end well, after the test."""
        store = Store(*args, **how)
        self.addCleanup(store.stop)
        return store

    def assert_whole(self, store):
        """A file that nobody serves has nothing wrong with it."""
        status, out, err = store.offline("check")
        self.assertEqual((status, err), (0, ""), out)


def seconds():
    """Since 1970."""
    return int(time.time())
