"""Origins of answers that may be shared: short lives, validators, ranges, variants, groups, slow bodies; "shaky" breaks off.

Every answer is framed correctly or broken off. What is for one asker says so in its tag.
"""

import itertools
import socket
import struct
import threading
import time
import zlib

from live_flight_messages import LIFE_SECONDS, digest, now, ranges_of, representation, strong_etag, wanted_target
from live_messages import chunked
from live_origins import accept, read_request

STALL_SECONDS = 2.4  # past the time-outs of the scene
SERIALS = itertools.count()
WINDOW_SECONDS = 0.7  # for so long a representation with an ETag stays the same
UNSHARED = ["private, max-age=1", "no-store", "private", "max-age=1, PRIVATE", 'private="x", no-store']


def serve(seed, listeners, ledger):
    """Serves both until the process is ended."""
    listeners["control"].close()
    threading.Thread(target=accept, args=(listeners["shaky"], answer_flight, f"{seed} shaky", ledger), daemon=True).start()
    accept(listeners["flight"], answer_flight, f"{seed} flight", ledger)


def answer_flight(draw, connection, requests):
    request = read_request(connection, requests)
    if not request:
        return False
    method, target, fields, content = request
    _, prefix, route, name = target.partition("?")[0].split("/")
    kind = name.partition("-")[0]
    if prefix == "shaky":
        kind, fault = "plain", draw.choice([kind, None])
        if fault == "mixed":
            fault = draw.choice(["cut", "stall", "reset"])
    else:
        fault = None
        if kind == "mixed":
            kind = draw.choice(["plain", "etag", "large", "private", "error", "slow", "vary"])
    answer = Answer(draw, route, kind, method, target, fields, content)
    if fault == "stall" and draw.random() < 0.3:
        time.sleep(STALL_SECONDS)
    elif kind in ("slow", "swr") or draw.random() < 0.3:
        time.sleep(draw.choice([0.02, 0.1, 0.2, 0.45]))  # a flight's wait is 0.3 s
    return answer.send(connection, fault)


class Answer:
    def __init__(self, draw, route, kind, method, target, fields, content):
        self.draw, self.kind, self.method, self.fields = draw, kind, method, fields
        self.out = []
        self.status = "200 OK"
        if kind == "error":
            self.status = draw.choice(["404 Not Found", "404 Not Found", "500 Error", "503 No", "200 OK"])
        asker = fields.get("authorization", fields.get("asker", "nobody")).removeprefix("Basic ")
        freshness, for_all = self.freshness(route), True
        if kind == "private" and draw.random() < 0.6:
            freshness = draw.choice(UNSHARED)
            for_all = route == "force"
        if "authorization" in fields and not any(word in freshness for word in ("public", "must-revalidate", "s-maxage")):
            for_all = False
        if kind == "private" and draw.random() < 0.2:
            for_all = False
            self.out.append(f"Set-Cookie: asker={asker}")
        if route == "strict" and kind == "private":
            for_all = False
            freshness = draw.choice(UNSHARED)
        # A POST with the same content is answered from what came with a lifetime of its own (methods: [POST]).
        if method not in ("GET", "HEAD", "QUERY") and kind != "post" and "max-age" not in freshness:
            for_all = False
        self.has_etag = kind in ("etag", "part") or kind in ("plain", "swr", "vary", "group", "post") and asker[-1] in "02468"
        version = f"w{int(time.monotonic() / WINDOW_SECONDS)}" if self.has_etag else f"s{next(SERIALS)}"
        rule = kind == "search" and draw.random() < 0.9
        varies = kind == "vary"
        lengths = {"large": [70000, 150000, 400000], "part": [3000, 20000, 60000], "slow": [3000, 40000, 60000]}
        length = lengths.get(kind, [0, 10, 300, 5000, 40000])
        length = length[zlib.crc32(f"{target} {version}".encode()) % len(length)]
        shown = "GET" if method == "HEAD" or kind == "post" and method == "POST" else method
        shown_content = b"" if kind == "post" and method == "POST" else content
        self.tag = (f"{shown} {wanted_target(kind, target) if rule else target} content={digest(shown_content)} "
                    f"for={'-' if for_all else asker} language={fields.get('accept-language', 'none') if varies else '-'} "
                    f"version={version} length={length}")
        self.length = length
        self.body = representation(self.tag)
        if freshness:
            self.out.append(f"Cache-Control: {freshness}")
        elif kind != "error" or self.status.startswith("200"):
            self.out.append("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT")
        if varies:
            self.out.append("Vary: Accept-Language")
        if rule:
            self.out.append('No-Vary-Search: params=("x")')
        if kind == "post" and method == "POST":
            self.out.append(f"Content-Location: {target}")
        if kind == "group":
            group = f'"g{target[-1]}"'
            self.out.append(f"Cache-Groups: {group}")
            if method == "POST":
                self.out.append(f"Cache-Group-Invalidation: {group}")
        if route == "strict":
            self.out.append("Seen: " + " ".join(name for name in ("asker", "cookie") if name in fields))
        self.out += ["Cache-Tag: t1, fuzz", "Surrogate-Key: t1", "xkey: t1"]

    def freshness(self, route):
        if self.kind == "swr":
            return f"max-age={LIFE_SECONDS}, stale-while-revalidate=2"
        if self.kind == "error":
            return self.draw.choice(["", "", "max-age=1", "no-cache"])
        if route == "heuristic" and self.draw.random() < 0.7:
            return ""
        return self.draw.choice(["max-age=1"] * 5 + ["", "public, max-age=1", "max-age=1, stale-if-error=5", "no-cache",
                                                     "must-revalidate, max-age=1", "s-maxage=1"])

    def send(self, connection, fault):
        draw, body = self.draw, self.body
        if self.has_etag and self.status.startswith("200") and self.method in ("GET", "HEAD"):
            self.conditions()
            body = self.body
        if self.has_etag or self.method != "HEAD":
            self.out.append(f"Tag: {self.tag}")  # else a HEAD would tell of another representation than the stored one
        closes, framing = draw.random() < 0.05, draw.random()
        if self.status.startswith("304"):
            pass
        elif self.kind == "large" or framing < 0.4:
            self.out.append("Transfer-Encoding: chunked")
            body = chunked(draw, body, draw.choice([b"", b"X-T: 1\r\n"]))
        elif framing < 0.95:
            self.out.append(f"Content-Length: {len(body)}")
        else:
            closes = True
        if fault and framing >= 0.95:
            return False  # where the end of the connection ends the body, no fault of it shows
        if closes:
            self.out.append("Connection: close")
        head = "".join(line + "\r\n" for line in [f"HTTP/1.1 {self.status}", f"Made: {now()}"] + self.out).encode() + b"\r\n"
        if draw.random() < 0.1:
            head = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head
        if self.method == "HEAD":
            body = b""
        return self.write(connection, head, body, fault) and not closes

    def conditions(self):
        """If-None-Match, then Range with If-Range (RFC 9110 §13.2.2)."""
        etag = strong_etag(self.tag)
        self.out.append(f"ETag: {etag}" if self.kind in ("etag", "part") else f"ETag: W/{etag}")
        if etag in self.fields.get("if-none-match", ""):
            self.status, self.body = "304 Not Modified", b""
            return
        if self.kind != "part" or self.method != "GET" or "range" not in self.fields:
            return
        if self.fields.get("if-range", etag) != etag:
            return
        wanted = ranges_of(self.fields["range"], self.length)
        if wanted and len(wanted) == 1 and self.draw.random() < 0.9:
            first, last = wanted[0]
            self.status, self.body = "206 Partial Content", self.body[first:last + 1]
            self.out.append(f"Content-Range: bytes {first}-{last}/{self.length}")

    def write(self, connection, head, body, fault):
        draw = self.draw
        if fault in ("cut", "reset"):
            message = head + body
            connection.sendall(message[:draw.randrange(len(message))] if draw.random() < 0.3 else
                               head + body[:draw.randrange(len(body) + 1) // 2])
            if fault == "reset":
                time.sleep(0.02)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if fault == "stall":
            connection.sendall(head + body[:len(body) // 2])
            time.sleep(STALL_SECONDS)
            connection.sendall(body[len(body) // 2:])
            return True
        if self.kind in ("slow", "large") and body:
            connection.sendall(head)
            pieces = draw.choice([2, 5, 12])
            size = len(body) // pieces + 1
            for start in range(0, len(body), size):
                time.sleep(draw.choice([0, 0.01, 0.04]))
                connection.sendall(body[start:start + size])
            return True
        connection.sendall(head + body)
        return True
