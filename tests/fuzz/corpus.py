#!/usr/bin/env python3
"""Packs the inputs of a fuzz target into one text file, and unpacks them.

usage: corpus.py pack DIR FILE           make FILE of all files in DIR; a note
                                         that FILE has for a name is kept
       corpus.py unpack FILE DIR         each input as a file in DIR
       corpus.py list FILE...            names, sizes, notes
       corpus.py add [-n NOTE] FILE INPUT...
                                         put these files in, each by its name;
                                         what is there already is left out

A pack is lines of ASCII, in the order of names:

    # What is special about the next input: its note, if it has one.
    NAME "BYTES"

In BYTES \\\\ \\" \\n \\r \\t are what they are in C, \\xHH (two digits, always) is
every other byte that is not a printable ASCII character, and anything else
stands for itself.  NAME has letters, digits, and any of . _ + - (but doesn't
begin with . or -).  Equal inputs give equal packs.
"""

import argparse
import os
import re
import sys

NAME = re.compile(r"[\w+][\w.+-]*", re.ASCII)
LINE = re.compile(r'(%s) "((?:[^"\\]|\\.)*)"' % NAME.pattern, re.ASCII)
ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|([\\"nrt]))|([ !#-\[\]-~])')
SHORT = {"\\": "\\", '"': '"', "n": "\n", "r": "\r", "t": "\t"}
LONG = {ord(byte): "\\" + letter for letter, byte in SHORT.items()}


class Wrong(Exception):
    pass


def escape(data):
    return "".join(LONG.get(b) or (chr(b) if 32 <= b < 127 else "\\x%02x" % b)
                   for b in data)


def unescape(text):
    data, at = bytearray(), 0
    while at < len(text):
        match = ESCAPE.match(text, at)
        if not match:
            raise Wrong("no such escape, or no such byte: %s" %
                        ascii(text[at:at + 4]))
        code, letter, plain = match.groups()
        data.append(int(code, 16) if code else ord(plain or SHORT[letter]))
        at = match.end()
    return bytes(data)


def read_pack(path):
    """{name: (bytes, note or None)}"""
    inputs, note = {}, None
    with open(path, encoding="ascii", newline="\n") as f:
        for n, line in enumerate(f, 1):
            line = line.rstrip("\n")
            match = LINE.fullmatch(line)
            try:
                if line.startswith("# "):
                    note = line[2:]
                    continue
                if not match:
                    raise Wrong('expected NAME "BYTES"')
                if match.group(1) in inputs:
                    raise Wrong("%s is there twice" % match.group(1))
                inputs[match.group(1)] = (unescape(match.group(2)), note)
            except Wrong as e:
                raise Wrong("%s:%d: %s" % (path, n, e)) from None
            note = None
    return inputs


def write_pack(path, inputs):
    with open(path + ".new", "w", encoding="ascii", newline="\n") as f:
        for name, (data, note) in sorted(inputs.items()):
            if note:
                f.write("# %s\n" % note)
            f.write('%s "%s"\n' % (name, escape(data)))
    os.replace(path + ".new", path)


def read_input(path):
    """(name, bytes) of a file"""
    name = os.path.basename(path)
    if not NAME.fullmatch(name):
        raise Wrong("%s: a name may not be like this" % path)
    with open(path, "rb") as f:
        return name, f.read()


def pack(options):
    old = read_pack(options.file) if os.path.exists(options.file) else {}
    inputs = {}
    for name in os.listdir(options.dir):
        name, data = read_input(os.path.join(options.dir, name))
        inputs[name] = (data, old[name][1] if name in old else None)
    write_pack(options.file, inputs)


def unpack(options):
    os.makedirs(options.dir, exist_ok=True)
    for name, (data, _) in read_pack(options.file).items():
        with open(os.path.join(options.dir, name), "wb") as f:
            f.write(data)


def show(options):
    for path in options.file:
        inputs = read_pack(path)
        print("%s: %d inputs, %d bytes" % (
            path, len(inputs), sum(len(data) for data, _ in inputs.values())))
        for name, (data, note) in inputs.items():
            print(("  %-26s %5d  %s" % (name, len(data), note or "")).rstrip())


def add(options):
    if options.note and not re.fullmatch("[ -~]+", options.note):
        raise Wrong("a note is one line of ASCII")
    inputs = read_pack(options.file) if os.path.exists(options.file) else {}
    known = {data: name for name, (data, _) in inputs.items()}
    for path in options.input:
        name, data = read_input(path)
        if data in known:
            print("%s: already there, as %s" % (path, known[data]))
            continue
        if name in inputs:
            raise Wrong("%s: there is another %s already" % (path, name))
        inputs[name] = (data, options.note)
        known[data] = name
    write_pack(options.file, inputs)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, *arguments):
        sub = commands.add_parser(name)
        sub.set_defaults(function=function)
        for argument in arguments:
            sub.add_argument(argument.rstrip("+").lower(),
                             nargs="+" if argument.endswith("+") else None,
                             metavar=argument.rstrip("+"))
        return sub

    command("pack", pack, "DIR", "FILE")
    command("unpack", unpack, "FILE", "DIR")
    command("list", show, "FILE+")
    command("add", add, "FILE", "INPUT+").add_argument(
        "-n", "--note", metavar="NOTE")
    options = parser.parse_args()
    try:
        options.function(options)
    except (Wrong, OSError, UnicodeDecodeError) as e:
        sys.exit("corpus.py: %s" % e)


if __name__ == "__main__":
    main()
