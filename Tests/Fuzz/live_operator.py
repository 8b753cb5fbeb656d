"""The operator: control requests without pause, and reloads, purges, looks at the figures, and damage done to Redis."""

import http.client
import json
import os
import random
import signal
import threading
import time

from live_checks import CONTROL_SECONDS
from live_flight_clients import EPOCH_SECONDS
from live_flight_messages import KINDS, ROUTES
from live_messages import damaged
from live_origins import CONTROL_BODY

BEGUN = time.monotonic()


def run(options, daemon, redis, ledger):
    """Until the time is over or the daemon has ended."""
    end = time.monotonic() + options.seconds
    threads = [threading.Thread(target=control, args=(daemon, end, ledger)),
               threading.Thread(target=operate, args=(daemon, random.Random(f"{options.seed} operator"), end, ledger))]
    if redis:
        threads.append(threading.Thread(target=damage, args=(redis, random.Random(f"{options.seed} redis"), end, ledger)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def control(daemon, end, ledger):
    while time.monotonic() < end and daemon.is_running:
        for path in ("/control/pass", "/control/kept"):
            begun = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                if answer.status != 200 or answer.read() != CONTROL_BODY:
                    ledger.finding(f"the control request {path} is answered {answer.status}, {dict(answer.getheaders())}")
            except (OSError, http.client.HTTPException) as error:
                if daemon.is_running:
                    ledger.finding(f"the control request {path} fails: {error!r}")
            finally:
                connection.close()
            seconds = time.monotonic() - begun
            if seconds > CONTROL_SECONDS:
                ledger.finding(f"the control request {path} took {seconds:.1f} s")
            ledger.count("control requests")
        time.sleep(0.05)


def operate(daemon, draw, end, ledger):
    while time.monotonic() < end and daemon.is_running:
        time.sleep(draw.uniform(0.05, 0.5))
        try:
            action = draw.choice([reload, reload, purge, purge, purge, look, put_and_delete])
            action(daemon, draw, ledger)
            ledger.count("operator's actions")
        except (OSError, http.client.HTTPException) as error:
            if daemon.is_running:
                ledger.finding(f"the admin listener fails at {action.__name__}: {error!r}")


def reload(daemon, draw, _):
    if os.path.exists(daemon.log_path):
        os.replace(daemon.log_path, daemon.log_path + ".1")  # which also keeps the log of a long run small
    daemon.signal(signal.SIGHUP)


def purge(daemon, draw, ledger):
    path = f"/{draw.choice(['odd', 'tagged'])}/{draw.randrange(6)}"
    if draw.random() < 0.5:
        epoch = int((time.monotonic() - BEGUN) / EPOCH_SECONDS)
        path = f"/flight/{draw.choice(ROUTES)}/{draw.choice(KINDS)}-{epoch}{draw.randrange(2)}"
    what = draw.choice([{"urls": [f"http://h{path}"]}] * 4 + [
        {"tags": ["a"]}, {"tags": ["t1"]}, {"groups": ["g1"]}, {"prefixes": [path]}, {"prefixes": ["/"]}, {"urls": ["%"]}])
    if draw.random() < 0.3:
        what = what | {"soft": True}
    body = json.dumps(what).encode()
    status, answer = daemon.admin("POST", "/purge", damaged(draw, body) if draw.random() < 0.2 else body)
    if status not in (200, 400, 422, 501, 503):
        ledger.finding(f"a purge of {body!r} is answered {status} {answer[:200]!r}")


def look(daemon, draw, ledger):
    path = draw.choice(["/stats", "/metrics", "/", "/config", "/healthz", "/explain?method=GET&url=http://h/tagged/1"])
    status, answer = daemon.admin("GET", path)
    if status not in (200, 404):
        ledger.finding(f"GET {path} at the admin listener is answered {status} {answer[:200]!r}")
    if path == "/stats":
        json.loads(answer)


def put_and_delete(daemon, draw, ledger):
    """Only under odd paths: nobody checks whose bodies those are."""
    path = f"/cache?key=GET%20http://h/odd/{draw.randrange(6)}"
    freshness = {"Cache-Control": draw.choice(["max-age=5", "max-age=x"])}
    daemon.admin("PUT", path, draw.randbytes(draw.choice([0, 10, 70000])), freshness)
    daemon.admin(draw.choice(["GET", "DELETE"]), path)


def damage(redis, draw, end, ledger):
    """Records are damaged (those of odd paths: a body has no checksum), cut, replaced and lost; connections are cut."""
    while time.monotonic() < end:
        time.sleep(draw.uniform(0.02, 0.3))
        try:
            key = redis.command(b"RANDOMKEY")
            record = key and redis.command(b"GET", key)
            if record and b"/odd/" in record:
                record = draw.choice([damaged, damaged, cut_or_garbage])(draw, record)
                redis.command(b"SET", key, record, b"KEEPTTL")
                ledger.count("records damaged")
            if draw.random() < 0.05:
                redis.command(b"CLIENT", b"KILL", b"TYPE", draw.choice([b"normal", b"pubsub"]))
                ledger.count("Redis connections cut")
            if draw.random() < 0.02:
                redis.command(b"FLUSHALL")
        except OSError as error:
            ledger.finding(f"Redis fails: {error!r}")


def cut_or_garbage(draw, record):
    return draw.choice([record[:draw.randrange(len(record) + 1)], draw.randbytes(50), b"", record + b"\0" * 100])
