"""Three origins. The control's is always right. The orderly one frames every answer correctly or breaks off in it, so that
bytes in the wrong answer are the daemon's fault alone. The odd one sends anything."""

import hashlib
import random
import socket
import struct
import threading
import time

from live_messages import chunked, cut, damaged, send_in_pieces, tag, tagged_body

CONTROL_BODY = b"in order\n" * 20

# Cache-Control and whether others than the asker may see the answer. The route's timeout serves where it is None.
ORDERLY_FRESHNESS = [
    (None, True), ("max-age=1", True), ("max-age=60", True), ("public, max-age=60", True), ("no-cache", True),
    ("max-age=0, stale-if-error=60", True), ("max-age=0, stale-while-revalidate=60", True),
    ("must-revalidate, max-age=1", True),
    ("private, max-age=60", False), ("no-store", False), ("max-age=60, PRIVATE", False), ("no-store, max-age=60", False),
]

ODD_STATUSES = [b"200 OK"] * 4 + [
    b"404 Not Found", b"304 Not Modified", b"500 X", b"204 No Content", b"206 P", b"101 S", b"301 M", b"103 Early", b"999 ",
    b"99 X"]
ODD_FIELDS = [  # how likely, name, values
    (0.6, b"Cache-Control", [b"max-age=1", b"max-age=60", b"no-cache", b'private="Set-Cookie", max-age=9', b"no-store",
                             b"max-age=0, stale-if-error=60", b'"', b'max-age="', b"max-age=99999999999999999999"]),
    (0.4, b"ETag", [b'"a"', b'W/"a"', b'"', b"x", b""]),
    (0.3, b"Vary", [b"Accept", b"Accept-Language, Cookie", b"*", b",,", b"accept , X-Y"]),
    (0.2, b"Set-Cookie", [b"a=b"]),
    (0.2, b"Location", [b"/x", b"http://h/../..", b"//", b"%"]),
    (0.2, b"Age", [b"1", b"-1", b"99999999999999999999", b"x"]),
    (0.2, b"Last-Modified", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Sun, 99 Nov 9999 99:99:99 GMT"]),
    (0.1, b"Date", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"0"]),
    (0.1, b"Expires", [b"0", b"Sun, 06 Nov 2094 08:49:37 GMT", b"Sunday, 06-Nov-94 08:49:37 GMT"]),
    (0.1, b"Connection", [b"close, X-Foo", b"keep-alive", b"Upgrade", b",", b"Content-Length"]),
    (0.1, b"CDN-Cache-Control", [b"max-age=5", b"max-age=;", b"("]),
    (0.1, b"Cache-Tag", [b"a,b", b"," * 50, b"x" * 5000]),
    (0.1, b"Surrogate-Key", [b"a b", b" "]),
    (0.1, b"Cache-Groups", [b'"a", "b"', b"a", b'"']),
    (0.1, b"Cache-Group-Invalidation", [b'"a"', b"("]),
    (0.1, b"Cache-Status", [b"o; hit", b"(", b'"']),
    (0.1, b"No-Vary-Search", [b"params", b'params=("a")', b"params=(", b'key-order, params, except=("a")']),
    (0.1, b"Content-Location", [b"/odd/1", b"http://h/odd/2", b"%"]),
    (0.05, b"Content-Length", [b"0", b"5", b"99999999999999999999", b"-1", b"1, 1"]),
    (0.05, b"X-Long", [b"y" * 9000, b"y" * 40000]),
]


def listener():
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(512)
    return listening


def serve_control(listening):
    """Returns at once; a thread of this process answers."""
    threading.Thread(target=accept, args=(listening, answer_control, "control"), daemon=True).start()


def serve_faulty(seed, listeners, ledger):
    """Serves the orderly and the odd one until the process is ended."""
    listeners["control"].close()
    threading.Thread(target=accept, args=(listeners["orderly"], answer_orderly, f"{seed} orderly", ledger), daemon=True).start()
    accept(listeners["odd"], answer_odd, f"{seed} odd", ledger)


def accept(listening, answer, seed, ledger=None):
    number = 0
    while True:
        connection, _ = listening.accept()
        number += 1
        if ledger and number % 100 == 0:
            ledger.count(f"connections to the {seed.split()[-1]} origin", 100)
        threading.Thread(target=converse, args=(connection, answer, random.Random(f"{seed} {number}")), daemon=True).start()


def converse(connection, answer, draw):
    """Answers requests until `answer` says that the connection ends, with a reset now and then."""
    try:
        connection.settimeout(5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection.makefile("rb") as requests:
            while answer(draw, connection, requests):
                pass
        if answer in (answer_orderly, answer_odd) and draw.random() < 0.2:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except (OSError, ValueError):
        pass
    finally:
        connection.close()


def read_head(requests):
    """Method, target and fields of the next request, or None where the connection ends."""
    words = requests.readline().split()
    if len(words) != 3:
        return None
    fields = {}
    for line in iter(requests.readline, b"\r\n"):
        if not line:
            return None
        name, _, value = line.partition(b":")
        fields[name.lower().decode("latin-1")] = value.strip().decode("latin-1")
    return words[0].decode(), words[1].decode("latin-1"), fields


def read_content(requests, fields):
    if "transfer-encoding" not in fields:
        return requests.read(int(fields.get("content-length", "0")))
    parts = []
    while size := int(requests.readline(), 16):
        parts.append(requests.read(size + 2)[:size])
    while requests.readline() not in (b"\r\n", b""):
        pass
    return b"".join(parts)


def answer_control(_, connection, requests):
    head = read_head(requests)
    if not head:
        return False
    read_content(requests, head[2])
    freshness = b"max-age=1" if "kept" in head[1] else b"no-store"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nCache-Control: %b\r\n\r\n" % (len(CONTROL_BODY), freshness)
                       + CONTROL_BODY)
    return True


def read_request(connection, requests):
    """One whole request, whose content is asked for where it waits to be; none once the connection has ended."""
    head = read_head(requests)
    if not head:
        return None
    method, target, fields = head
    if "expect" in fields:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return method, target, fields, read_content(requests, fields)


def answer_orderly(draw, connection, requests):
    request = read_request(connection, requests)
    if not request:
        return False
    method, target, fields, content = request
    asker = fields.get("asker", "nobody")
    freshness, for_all = draw.choice(ORDERLY_FRESHNESS)
    sets_cookie, varies = draw.random() < 0.15, draw.random() < 0.3
    # RFC 9111 §3.5: an answer to a request with Authorization is the asker's, unless it says otherwise.
    if "authorization" in fields and not (freshness and ("public" in freshness or "must-revalidate" in freshness)):
        for_all = False
    length = draw.choice([0, 10, 300, 5000, 70000])
    line = tag(method, target, content, "-" if for_all and not sets_cookie else asker,
               fields.get("accept-language", "none") if varies else "-", length)
    etag = '"' + hashlib.md5(line).hexdigest() + '"'

    status, body = draw.choice(["200 OK"] * 8 + ["404 Not Found", "500 Error", "301 Moved"]), tagged_body(line, length)
    out = [f"Cache-Control: {freshness}"] if freshness else []
    out += [f"Set-Cookie: asker={asker}"] if sets_cookie else []
    out += ["Vary: Accept-Language"] if varies else []
    if status == "200 OK" and draw.random() < 0.7:
        out.append(f"ETag: {etag}")
        if etag in fields.get("if-none-match", ""):
            status, body = "304 Not Modified", b""
    closes = draw.random() < 0.1
    out += ["Connection: close"] if closes else []
    breaks_off = draw.random() < 0.1
    framing = draw.random()
    if status.startswith("304"):
        pass
    elif framing < 0.5:
        out.append(f"Content-Length: {length}")
    elif framing < 0.9 or breaks_off:
        out.append("Transfer-Encoding: chunked")
        body = chunked(draw, body, draw.choice([b"", b"X-T: 1\r\n"]))
    else:
        closes = True
    message = "".join(line + "\r\n" for line in [f"HTTP/1.1 {status}"] + out).encode() + b"\r\n"
    if draw.random() < 0.1:
        message = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + message
    if method != "HEAD":
        message += body
    if draw.random() < 0.02:
        time.sleep(1.2)  # past the first byte's time-out
    if breaks_off:
        message = cut(draw, message)
    send_in_pieces(draw, connection, message)
    return not closes and not breaks_off


def answer_odd(draw, connection, requests):
    if not read_head(requests):
        return False
    body = draw.randbytes(draw.choice([0, 1, 10, 5000, 70000]))
    head = b"HTTP/1.1 " + draw.choice(ODD_STATUSES) + b"\r\n"
    for likelihood, name, values in ODD_FIELDS:
        if draw.random() < likelihood:
            head += name + b": " + draw.choice(values) + b"\r\n"
    form = draw.random()
    if form < 0.4:
        message = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif form < 0.8:
        message = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(draw, body, draw.choice([b"", b"X-T: 1\r\n"]))
    elif form < 0.9:
        message = head + b"\r\n" + body
    else:
        message = draw.randbytes(200)
    if draw.random() < 0.1:
        message = b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + message
    if draw.random() < 0.1:
        message = damaged(draw, message)
    breaks_off = draw.random() < 0.15
    if breaks_off:
        message = cut(draw, message)
    send_in_pieces(draw, connection, message)
    return not breaks_off and form < 0.8 and draw.random() < 0.9
