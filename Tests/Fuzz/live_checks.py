"""What must hold, and the ledger of what did not.

While it runs: the daemon lives, every answer to a tidy client is well-formed and its own, control requests are answered
right and soon. Afterwards: nothing is left open, memory stayed bounded, and SIGTERM ends it cleanly and in time.
"""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import threading

from live_messages import tagged_body
from live_scene import DRAIN_SECONDS

CONTROL_SECONDS = 2
MEMORY_BOUND = 64 << 20  # with a store of 2 MiB, in a debug build
REST_SECONDS = 10
TAG = re.compile(rb"(\S+) (\S+) content=(\S+) for=(\S+) language=(\S+) length=(\d+)\n")


class Ledger:
    """Findings and counts from every process of the run, through a pipe: writes as short as these are not torn apart,
    and a process that is killed leaves no lock behind."""

    def __init__(self):
        self.findings, self.counts = collections.Counter(), collections.Counter()
        # Called here when the first finding comes in, while what caused it may still last.
        self.at_first_finding = lambda: None
        reading, self.writing = os.pipe()
        self.reader = threading.Thread(target=self.read, args=(reading,), daemon=True)
        self.reader.start()

    def finding(self, sentence):
        self.write(["finding", sentence[:2000], 1])

    def count(self, name, number=1):
        self.write(["count", name, number])

    def totals(self):
        self.write(["end", "", 0])
        self.reader.join()
        return self.findings, self.counts

    def write(self, entry):
        os.write(self.writing, json.dumps(entry)[:4000].encode() + b"\n")

    def read(self, reading):
        with os.fdopen(reading) as entries:
            for entry in entries:
                kind, text, number = json.loads(entry)
                if kind == "end":
                    return
                (self.findings if kind == "finding" else self.counts)[text] += number
                if kind == "finding" and self.findings.total() == 1:
                    self.at_first_finding()


def fault_in_tagged_answer(answer, asked):
    """What is wrong with this answer to this request, as a sentence, or None."""
    verdict = (answer["x-cache"] or b"").decode("latin-1")
    cookie = answer["set-cookie"]
    if cookie and verdict == "HIT":
        return "a HIT sets a cookie"
    if cookie and cookie != b"asker=" + asked.asker:
        return f"another request's cookie ({verdict})"
    if (answer["content-type"] or b"").startswith(b"application/problem+json"):
        # RFC 9111 §5.2.1.7 and RFC 9110 §15.6: the answers that a tidy request may get from Larder itself.
        return None if answer.status in (416, 502, 503, 504) else \
            f"a tidy request is refused with {answer.status} {answer.body!r}"
    body = answer.body
    if not body or asked.method == "HEAD" or answer.status == 304:
        return None
    match = TAG.match(body)
    if not match:
        # Too short for a whole tag: only what is there can be compared.
        return None if b"\n" not in body and (asked.method + b" " + asked.target).startswith(body[:10]) \
            else f"a body of something else: {body[:100]!r} ({verdict})"
    method, target, content, asker, language, length = match.groups()
    if body != tagged_body(match.group(), len(body)):
        return f"bytes of two answers in one body ({verdict})"
    if (method, target, content) != (asked.method, asked.target, asked.digest):
        return f"another request's answer: {match.group()!r} ({verdict})"
    if asker not in (b"-", asked.asker):
        return f"another's private answer: {match.group()!r} ({verdict}, {answer['cache-control']})"
    if language not in (b"-", asked.language):
        return f"another language's answer: {match.group()!r} ({verdict})"
    if asker != b"-" and verdict in ("HIT", "STALE"):
        return f"a private answer was stored: {match.group()!r} ({verdict})"
    if answer.is_complete and answer.status != 206 and len(body) != int(length):
        return f"a body that was cut short ends cleanly ({verdict}, {len(body)} of {int(length)} bytes)"
    return None


def held(figures):
    """What the daemon holds for clients, by what it is."""
    totals, sharing = figures["totals"], figures["sharing"]
    origins = totals["origin_connections"]
    return {"active requests": totals["active_requests"], "clients": totals["clients"],
            "origin connections in use": origins["open"] - origins["idle"],
            "fetches under way": sharing["fetches_under_way"], "refreshes": sharing["refreshing"]}


def after_the_clients(daemon, ledger):
    """Everything that the clients began is over soon after they have gone."""
    figures, left = daemon.figures_at_rest(held, REST_SECONDS)
    if not daemon.is_running:
        return ledger.finding(f"the daemon ended with {daemon.process.returncode}")
    if not figures:
        return ledger.finding("the daemon doesn't say how it is")
    if any(left.values()):
        ledger.finding(f"{REST_SECONDS} s after the clients have gone there are {left}")
    totals, sharing = figures["totals"], figures["sharing"]
    ledger.count("requests that the daemon counted", totals["requests"])
    ledger.count("responses stored", totals["stored"])
    for name, number in sharing.items():
        ledger.count(f"sharing: {name}", number)
    for name, number in figures["reasons"].items():
        if number:
            ledger.count(f"reason {name}", number)
    memory = daemon.resident("VmHWM")
    ledger.count("KiB resident at most", memory >> 10)
    if memory > MEMORY_BOUND and "LARDER_SANITIZER" not in os.environ:
        ledger.finding(f"{memory >> 20} MiB were resident, more than {MEMORY_BOUND >> 20}")


def stopping(daemon, ledger):
    """SIGTERM, while one connection is idle and another in the middle of a head."""
    if not daemon.is_running:
        return
    idle, begun = (socket.create_connection(("127.0.0.1", daemon.port), 2) for _ in range(2))
    with idle, begun:
        begun.sendall(b"GET /control/pass HTTP/1.1\r\nHo")
        daemon.signal(signal.SIGTERM)
        try:
            status = daemon.process.wait(DRAIN_SECONDS + 2)
        except subprocess.TimeoutExpired:
            ledger.finding(f"SIGTERM has not ended the daemon after {DRAIN_SECONDS + 2} s")
        else:
            if status != 0:
                ledger.finding(f"SIGTERM ended the daemon with {status}")
