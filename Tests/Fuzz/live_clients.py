"""Two kinds of clients. Tidy ones send what is valid and check every answer. Odd ones send anything, in any pieces, leave at
any time, and check only that no HIT sets a cookie."""

import hashlib
import random
import socket
import struct
import threading
import time

from live_checks import fault_in_tagged_answer
from live_messages import AnswerReader, Closed, Malformed, chunked, cut, damaged, send_in_pieces

TIDY_CLIENTS = 12
ODD_CLIENTS = 16
ANSWER_SECONDS = 10

ODD_METHODS = [b"GET"] * 15 + [b"HEAD", b"POST", b"PUT", b"DELETE", b"QUERY", b"OPTIONS", b"TRACE", b"CONNECT", b"FOO"]
ODD_FIELDS = [
    (b"Accept-Language", [b"de", b"en;q=0.5, de", b";q=9"]),
    (b"Cache-Control", [b"no-cache", b"max-age=0", b"only-if-cached", b"max-stale", b"min-fresh=x", b'"']),
    (b"If-None-Match", [b'"a"', b"*", b'W/"a", "b"', b'"']),
    (b"If-Modified-Since", [b"Sun, 06 Nov 1994 08:49:37 GMT", b"x"]),
    (b"If-Range", [b'"a"', b"Sun, 06 Nov 1994 08:49:37 GMT"]),
    (b"Range", [b"bytes=0-1", b"bytes=-5", b"bytes=9999999-", b"bytes=0-1,3-4", b"bytes=99999999999999999999-", b"x=1"]),
    (b"Authorization", [b"x"]),
    (b"Cookie", [b"a=1; b=2", b";;="]),
    (b"Expect", [b"100-continue", b"x"]),
    (b"Connection", [b"close", b"keep-alive", b"Upgrade", b"Host, Content-Length", b","]),
    (b"Upgrade", [b"websocket", b"h2c"]),
    (b"X-Forwarded-For", [b"1.2.3.4", b"x" * 3000]),
    (b"X-Forwarded-Proto", [b"https"]),
    (b"Forwarded", [b'for="[::1]"', b'"']),
    (b"Via", [b"1.1 larder", b"1.0 a, 1.1 b"]),
    (b"Max-Forwards", [b"0", b"-1", b"99999999999999999999"]),
    (b"TE", [b"trailers"]),
    (b"Cache-Status", [b"x"]),
]


def run(seed, seconds, port, ledger):
    end = time.monotonic() + seconds
    clients = [(tidy, f"{seed} tidy {number}") for number in range(TIDY_CLIENTS)]
    clients += [(odd, f"{seed} odd {number}") for number in range(ODD_CLIENTS)]
    threads = [threading.Thread(target=behave, args=(*client, port, end, ledger)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def behave(kind, seed, port, end, ledger):
    draw, name = random.Random(seed), kind.__name__
    number = 0
    while time.monotonic() < end:
        number += 1
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as connection:
                ledger.count(f"{name} requests", kind(draw, connection, f"{seed} {number}".replace(" ", "-"), ledger))
        except ConnectionError:
            time.sleep(0.01)  # the daemon may be gone, which the operator finds out
        except TimeoutError:
            ledger.finding("a connection is not accepted, or a request not taken")


class Asked:
    """One tidy request, and what its answer is checked against."""

    def __init__(self, draw, asker):
        self.asker = asker.encode()
        self.method = draw.choice([b"GET"] * 10 + [b"HEAD", b"POST", b"QUERY", b"PUT"])
        self.target = b"/tagged/%d" % draw.randrange(6) + draw.choice([b""] * 4 + [b"?a=1", b"?a=2"])
        self.language = draw.choice([b"de", b"en"])
        self.is_range = draw.random() < 0.08
        content = draw.randbytes(draw.choice([0, 3, 3, 3000, 6000])) if self.method in (b"POST", b"QUERY", b"PUT") else b""
        # What the tag says of the content: nothing where the method has none.
        self.digest = b"-" if self.method in (b"GET", b"HEAD") else hashlib.md5(content).hexdigest()[:8].encode()
        fields = [b"Host: h", b"Asker: " + self.asker, b"Accept-Language: " + self.language]
        for likelihood, field in [(0.05, b"Cache-Control: no-cache"), (0.05, b"Cache-Control: max-stale"),
                                  (0.03, b"Cache-Control: only-if-cached"), (0.1, b"Authorization: Basic eDp5"),
                                  (0.03, b"Cache-Control: no-store"), (0.05, b'If-None-Match: "none"')]:
            if draw.random() < likelihood:
                fields.append(field)
        if self.is_range:
            fields.append(b"Range: bytes=0-999")
        if content and draw.random() < 0.5:
            fields.append(b"Transfer-Encoding: chunked")
            content = chunked(draw, content)
        elif self.digest != b"-":
            fields.append(b"Content-Length: %d" % len(content))
            if content and draw.random() < 0.1:
                fields.append(b"Expect: 100-continue")
        self.message = b"\r\n".join([b"%b %b HTTP/1.1" % (self.method, self.target)] + fields) + b"\r\n\r\n" + content


def tidy(draw, connection, name, ledger):
    """Some requests, each after the answer before it or several at once. Returns how many were sent."""
    connection.settimeout(ANSWER_SECONDS)
    reader, sent, answered = AnswerReader(connection), 0, []
    for _ in range(draw.randint(1, 4)):
        batch = [Asked(draw, f"{name}-{sent + place}") for place in range(draw.choice([1, 1, 1, 3]))]
        try:
            for asked in batch:
                send_in_pieces(draw, connection, asked.message)
                sent += 1
            for asked in batch:
                answer = reader.answer(asked.method.decode())
                fault = fault_in_tagged_answer(answer, asked)
                if fault:
                    ledger.finding(f"{fault}, to {asked.message[:300]!r} after {answered}")
                answered.append((asked.message[:300], answer.status, answer.fields.get("cache-status")))
                # RFC 9112 §9.6: nothing more comes after an answer that says so, or that broke off.
                if not answer.is_complete or b"close" in (answer["connection"] or b""):
                    return sent
        except (Closed, ConnectionError):
            return sent
        except Malformed as fault:
            ledger.finding(f"malformed answer to {asked.method.decode()} {asked.target.decode()}: {fault}")
            return sent
        except TimeoutError:
            ledger.finding(f"no answer within {ANSWER_SECONDS} s to {asked.message[:300]!r}")
            return sent
    return sent


def odd(draw, connection, name, ledger):
    connection.settimeout(draw.choice([0.05, 0.3, 2]))
    sent = 0
    try:
        for _ in range(draw.randint(1, 6)):
            send_in_pieces(draw, connection, odd_request(draw))
            sent += 1
            if draw.random() < 0.6:
                look_at(connection.recv(draw.choice([10, 65536])), ledger)
        while draw.random() < 0.9 and connection.recv(65536):
            pass
    except OSError:
        pass
    if draw.random() < 0.3:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sent


def look_at(received, ledger):
    head = received.split(b"\r\n\r\n", 1)[0].lower()
    if head.startswith(b"http/1.1 ") and b"\r\nx-cache: hit" in head and b"\r\nset-cookie:" in head:
        ledger.finding(f"a HIT sets a cookie: {head[:600]!r}")


def odd_request(draw):
    target = draw.choice([b"/odd/%d" % draw.randrange(6)] * 7 + [b"/tagged/%d" % draw.randrange(6)] * 4 + [
        b"/odd/%d?a=%d" % (draw.randrange(6), draw.randrange(4)), b"/x", b"/odd/../x", b"*", b"http://h/tagged/1", b"h:80",
        b"/%zz", b"/odd/%00", b"/odd/1?" + b"a=1&" * 300, b"/" + b"a" * 9000])
    head = [draw.choice(ODD_METHODS) + b" " + target + b" HTTP/1." + draw.choice([b"1", b"1", b"1", b"0"]),
            b"Host: " + draw.choice([b"h"] * 12 + [b"h:80", b"H.", b"", b"h h"])]
    for name, values in ODD_FIELDS:
        if draw.random() < 0.08:
            head.append(name + b": " + draw.choice(values))
    content = b""
    if draw.random() < 0.35:
        content = draw.randbytes(draw.choice([0, 3, 3000, 6000, 200000]))
        if draw.random() < 0.5:
            head.append(b"Content-Length: %d" % len(content))
        else:
            head.append(b"Transfer-Encoding: chunked")
            content = chunked(draw, content)
    message = b"\r\n".join(head) + b"\r\n\r\n" + content
    if draw.random() < 0.08:
        message = damaged(draw, message, within=len(message))
    if draw.random() < 0.08:
        message = cut(draw, message)
    return message
