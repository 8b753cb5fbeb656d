"""Clients that come in crowds, for the same few targets at once, each with its own wishes and habits.

Some read slowly, some leave before the head or in the body, some send the next request before the answer. Every answer is
checked as far as this client has read it.
"""

import random
import socket
import struct
import threading
import time

from live_flight_checks import fault_in_flight_answer
from live_flight_messages import KINDS, ROUTES, SHAKY_KINDS, digest, now, wanted_target
from live_messages import AnswerReader, Closed, Malformed

CROWDS = 8
ANSWER_SECONDS = 8  # between two pieces of an answer; more is a request that is stuck
EPOCH_SECONDS = 4  # then targets get new names, so that there is something to miss


def run(seed, seconds, port, ledger):
    begun = time.monotonic()
    crowds = [threading.Thread(target=gather, args=(f"{seed} crowd {number}", begun, seconds, port, ledger))
              for number in range(CROWDS)]
    for crowd in crowds:
        crowd.start()
    for crowd in crowds:
        crowd.join()


def gather(seed, begun, seconds, port, ledger):
    draw, number = random.Random(seed), 0
    while time.monotonic() - begun < seconds:
        epoch = int((time.monotonic() - begun) / EPOCH_SECONDS)
        prefix = draw.choice(["flight"] * 4 + ["shaky"])
        kind = draw.choice(KINDS + ["large", "large", "slow", "part"] if prefix == "flight" else SHAKY_KINDS)
        path = f"/{prefix}/{draw.choice(ROUTES)}/{kind}-{epoch}{draw.randrange(2)}"
        # Waves for one target find it new, being fetched, fresh, stale and gone.
        for _ in range(draw.choice([1, 2, 5])):
            wants_parts = kind == "part" and draw.random() < 0.5
            size, spread = draw.choice([1, 4, 20, 20, 40]), draw.choice([0, 0.02, 0.3])
            members = []
            for _ in range(size):
                number += 1
                name = f"{seed}-{number}".replace(" ", "-")
                visitor = (random.Random(name), name, kind, path, spread, wants_parts, port, ledger)
                members.append(threading.Thread(target=visit, args=visitor))
            for member in members:
                member.start()
            for member in members:
                member.join()
            time.sleep(draw.choice([0, 0, 0.2, 0.7, 1.1]))


class FlightRequest:
    def __init__(self, draw, asker, kind, path, wants_parts):
        self.asker, self.kind, self.path = asker, kind, path
        self.method = draw.choice(["GET"] * 16 + ["HEAD", "QUERY"] + (["POST"] * 3 if kind in ("post", "group") else ["POST"]))
        self.version = "1.0" if draw.random() < 0.05 else "1.1"
        self.target = path
        if kind == "search":
            self.target += draw.choice(["", "?a=1", f"?x={draw.randrange(9)}", f"?x={draw.randrange(9)}&a=1"])
        self.language = draw.choice(["de", "en", "en-GB", "fr", "nl", "it"])
        fields = {"Host": "h", "Asker": asker, "Accept-Language": self.language}
        if draw.random() < 0.4:
            fields["Cookie"] = f"a={asker}"
        self.control = draw.choice([None] * 20 + ["no-cache", "max-age=0", "no-store", "only-if-cached", "max-stale=1",
                                                  "min-fresh=1"])
        if self.control:
            fields["Cache-Control"] = self.control
        self.is_authorised = draw.random() < 0.04
        if self.is_authorised:
            fields["Authorization"] = f"Basic {asker}"
        self.range = None
        if wants_parts or draw.random() < (0.4 if kind == "part" else 0.06):
            first = draw.choice([0, 0, 100, 1000, 5000])
            self.range = draw.choice([f"bytes={first}-{first + draw.choice([0, 99, 3000])}", f"bytes={first}-", "bytes=-200",
                                      "bytes=0-9,200-300", "bytes=-5,10-20,1000-", "bytes=999999-"])
            fields["Range"] = self.range
        self.condition = None
        if draw.random() < 0.05:
            self.condition = draw.choice(['"none"', "*"])
            fields["If-None-Match"] = self.condition
        content = draw.randbytes(draw.choice([1, 3, 3000])) if self.method in ("POST", "QUERY") else b""
        if content:
            fields |= {"Content-Length": str(len(content)), "Content-Type": "text/plain"}
        self.content = "-" if kind == "post" and self.method == "POST" else digest(content)
        if self.version == "1.1" and draw.random() < 0.05:
            fields["Connection"] = "close"
        self.message = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
        self.message = f"{self.method} {self.target} HTTP/{self.version}\r\n".encode() + self.message + b"\r\n" + content
        self.sent = None
        # A template for the key leaves No-Vary-Search aside, so that each query has its own.
        self.changing = (path if kind == "group" else self.target if "/strict/" in path else wanted_target(kind, self.target))
        # What has been changed before this request was sent may not be answered with.
        self.not_before = None

    def __repr__(self):
        return repr(self.message[:420])


def visit(draw, name, kind, path, spread, wants_parts, port, ledger):
    time.sleep(spread * draw.random())
    habit = draw.choice(["reads"] * 12 + ["slow", "slow", "leaves early", "leaves early", "leaves midway", "leaves midway",
                                          "pipelines", "pipelines"])
    requests = [FlightRequest(draw, f"{name}-{place}", kind, path, wants_parts)
                for place in range(draw.choice([2, 3]) if habit == "pipelines" else draw.choice([1, 1, 2]))]
    try:
        with socket.socket() as connection:
            connection.settimeout(ANSWER_SECONDS)
            if habit in ("slow", "leaves midway"):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", port))
            if habit == "leaves early":
                send(connection, requests[0])
                time.sleep(draw.choice([0, 0.01, 0.1, 0.3]))
                return leave(draw, connection)
            if habit == "leaves midway":
                send(connection, requests[0])
                connection.recv(draw.choice([1, 500, 5000]))
                time.sleep(draw.choice([0, 0.1, 0.5]))
                return leave(draw, connection)
            reader = SlowReader(connection, draw) if habit == "slow" else AnswerReader(connection)
            converse(connection, reader, requests, habit, ledger)
    except ConnectionError:
        pass
    except TimeoutError:
        ledger.finding("a connection is not accepted, or a request not taken")


def send(connection, request):
    request.sent = now()
    connection.sendall(request.message)


def leave(draw, connection):
    if draw.random() < 0.5:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def converse(connection, reader, requests, habit, ledger):
    pipelines = habit == "pipelines"
    if pipelines:
        sent = now()
        for request in requests:
            request.sent = sent
        connection.sendall(b"".join(request.message for request in requests))
    changed = {}
    for request in requests:
        if not pipelines:
            send(connection, request)
        request.not_before = None if pipelines else changed.get(request.changing)
        ledger.count("crowd requests")
        begun = time.monotonic()
        try:
            answer = reader.answer(request.method)
        except (Closed, ConnectionError):
            # Who has read the answer before this one slowly may have been taken for idle.
            if request.path.startswith("/flight") and (habit != "slow" or request is requests[0]):
                ledger.finding(f"no answer to {request}, number {requests.index(request)} of {habit}")
            return
        except Malformed as fault:
            return ledger.finding(f"malformed answer to {request}: {fault}")
        except TimeoutError:
            return ledger.finding(f"stuck: nothing for {ANSWER_SECONDS} s, {time.monotonic() - begun:.1f} s after {request}")
        fault = fault_in_flight_answer(answer, request)
        if fault:
            said = {name: value.decode("latin-1") for name, value in answer.fields.items()}
            ledger.finding(f"{fault}, to {request} answered {answer.status} {said}, body {len(answer.body)}")
        ledger.count(f"crowd answers {(answer['x-cache'] or b'?').decode()}{' 206' if answer.status == 206 else ''}"
                     f"{' collapsed' if b'collapsed' in (answer['cache-status'] or b'').split(b'; ') else ''}")
        is_forwarded = b"fwd=" in (answer["cache-status"] or b"") and b"collapsed" not in answer["cache-status"].split(b"; ")
        if request.method == "POST" and 200 <= answer.status < 400 and is_forwarded:
            changed[request.changing] = (request.sent, request.target)
        if not answer.is_complete or b"close" in (answer["connection"] or b"") or request.version == "1.0":
            return


class SlowReader(AnswerReader):
    """Takes little at a time, and a pause now and then that is shorter than the daemon's patience."""

    def __init__(self, connection, draw):
        super().__init__(connection)
        self.draw, self.left = draw, 2.0

    def fill(self):
        pause = min(self.left, self.draw.choice([0, 0, 0, 0.01, 0.05, 0.4]))
        self.left -= pause
        time.sleep(pause)
        try:
            received = self.connection.recv(self.draw.choice([300, 5000, 20000]))
        except ConnectionError:
            received, self.is_reset = b"", True
        self.buffer += received
        return bool(received)
