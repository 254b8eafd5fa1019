#!/usr/bin/env python3
"""How a connection begins: with a byte order mark, or as a browser's does."""

import http.client

from banter.case import Case, main
from banter.line import PASSWORD_NEEDED

MARK = b"\xef\xbb\xbf"
REFUSED = "! This is a chat server, not a web server; use telnet or nc."
REQUEST = (b"POST /say?x=1 HTTP/1.1\r\nHost: box:5531\r\nContent-Length: 24\r\n"
           b"\r\n/me obeys\r\n/nick evil\r\n")


class Begin(Case):

    config = "history 0"	# who comes next hears nothing of who was before

    def setUp(self):
        super().setUp()
        self.server = self.daemon(self.config)
        self.bob = self.server.client("bob")
        self.bob.ask("/set quiet on")

    def newcomer(self, **how):
        return self.server.newcomer(**how)


class Http(Begin):

    def refused(self, client):
        client.ends_with(REFUSED)
        self.bob.silence()

    def test_at_once(self):
        for method in (b"GET", b"POST", b"OPTIONS", b"M-SEARCH"):
            client = self.newcomer()
            client.raw(REQUEST.replace(b"POST", method))
            self.refused(client)

    def test_in_pieces(self):
        """Cut anywhere in the first line; it waits for the end of it."""
        line = REQUEST.index(b"\r")
        for cut in (1, 4, 5, 10, line - 1, line):
            client = self.newcomer()
            client.raw(REQUEST[:cut])
            self.bob.silence()
            client.raw(REQUEST[cut:])
            self.refused(client)

    def test_byte_by_byte(self):
        client = self.newcomer()
        client.pieces(b"GET / HTTP/1.0\r", self.bob)
        self.refused(client)

    def test_with_a_path_longer_than_a_line(self):
        for end in (b" HTTP/1.1\r\n", b" HTTP/1.1\n"):
            client = self.newcomer()
            client.raw(b"GET /" + b"a" * 500)
            self.bob.silence()
            client.raw(b"a" * 5000 + end + REQUEST)
            self.refused(client)

    def test_at_the_end_of_file(self):
        client = self.newcomer()
        client.raw(b"GET / HTTP/1.1")
        client.half_close()
        self.refused(client)

    def test_a_program(self):
        """What it makes of that is its own; nothing is carried out."""
        host, port = self.server.addresses[0].rsplit(":", 1)
        browser = http.client.HTTPConnection(host, int(port), timeout=60)
        browser.request("POST", "/", body="/me obeys\n" * 50)
        with self.assertRaises((http.client.HTTPException, OSError)):
            browser.getresponse()
        browser.close()
        self.bob.silence()

    def test_later_it_is_chat(self):
        client = self.newcomer()
        for line in ("GET lost HTTP", "GET / HTTP/1.1", "Host: box"):
            client.send(line)
            self.bob.expect("[#lobby] %s: %s" % (client.nick, line))

    def test_what_only_looks_like_it(self):
        for line in ("GET lost HTTP", "GET lost HTTP/1.1", "GET /", "GET",
                     "GET / HTTP", "see: /etc HTTP/1.1",
                     "GET / HTTP/1.1 is what it sent"):
            client = self.newcomer()
            client.send(line)
            self.bob.expect("[#lobby] %s: %s" % (client.nick, line))

    def test_too_long_and_no_request(self):
        for line in ("GET /" + "a" * 2000, "x" * 2000, "/" + "x" * 2000):
            client = self.newcomer()
            client.send(line)
            client.expect("! Line too long (limit 1024 bytes); "
                          "it was not sent.")
            client.send("next")
            self.bob.expect("[#lobby] %s: next" % client.nick)


class HttpBeforeThePassword(Case):

    def test_refused(self):
        daemon = self.daemon("password hush")
        client = daemon.connect()
        client.expect("* Welcome to banter on box.", PASSWORD_NEEDED)
        client.raw(b"GET / HTTP/1.1\r\n/pass hush\r\nhello\r\n")
        client.ends_with(REFUSED)


class Mark(Begin):

    def test_before_a_command(self):
        for pieces in ([MARK + b"/msg bob psst\n"],
                       [MARK, b"/msg bob psst\n"],
                       [MARK[:1], MARK[1:], b"/msg bob psst\n"],
                       [MARK[:2], MARK[2:] + b"/msg ", b"bob psst\n"]):
            client = self.newcomer()
            for piece in pieces[:-1]:
                client.raw(piece)
                self.bob.silence()
            client.raw(pieces[-1])
            self.bob.expect("[private] %s: psst" % client.nick)

    def test_before_the_password(self):
        daemon = self.daemon("password hush")
        client = daemon.connect()
        client.raw(MARK + b"/pass hush\r\n")
        client.greeted()

    def test_before_a_request(self):
        client = self.newcomer()
        client.raw(MARK + REQUEST)
        client.ends_with(REFUSED)

    def test_alone(self):
        client = self.newcomer()
        client.raw(MARK)
        client.half_close()
        client.ends_with()
        self.bob.silence()

    def test_is_no_part_of_the_line(self):
        client = self.newcomer()
        client.raw(MARK + b"x" * 1024 + b"\n")
        self.bob.expect("[#lobby] %s: %s" % (client.nick, "x" * 1024))

    def test_before_telnet(self):
        client = self.newcomer(telnet=True)
        client.raw(MARK + b"\xff\xfd\x01/msg bob psst\n")
        self.bob.expect("[private] %s: psst" % client.nick)
        client = self.newcomer(telnet=True)
        client.raw(b"\xff\xfd\x01" + MARK + b"/msg bob psst\n")
        self.bob.expect("[private] %s: psst" % client.nick)


if __name__ == "__main__":
    main()
