"""Crowds of clients that hold connections, or handshakes, and one that works beside them and is not to notice."""

import json
import os
import resource
import subprocess
import sys
import time

from renewal import faults_of_wrk, wrk
from scene import HERE, Skipped, expect, until

IDLE = 10_000
SLOW = 1_000
# How much longer the slowest of a hundred requests may take beside a crowd: others share the cores with it.
FACTOR, SLACK = 5, 0.05


class Crowd:
    def __init__(self, scene, mode, count):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "crowd.py", mode, str(scene.port), str(scene.authority.certificate), str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        scene.callback(self.stop)

    def expect_word(self, word):
        expect(self.process.stdout.readline().strip(), word, "a crowd says")

    def end_input(self):
        self.process.stdin.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def p99_of_requests(scene):
    """Of requests over connections that are kept, in seconds."""
    text = wrk(scene, 4).report()
    expect(faults_of_wrk(text)[1], 0, "failed requests of the client that works")
    return json.loads(next(line for line in text.splitlines() if line.startswith('{"requests"')))["p99_us"] / 1e6


def p99_of_handshakes(scene):
    """Of a new connection with its handshake and a request, one after the other, in seconds."""
    times = []
    for _ in range(200):
        began = time.monotonic()
        scene.get("/size/1024")
        times.append(time.monotonic() - began)
    return sorted(times)[-3]


def resident(process):
    with open(f"/proc/{process.process.pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))


def processor_seconds(process):
    with open(f"/proc/{process.process.pid}/stat") as file:
        return sum(map(int, file.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def compare(scene, crowd_of):
    """Times of a client alone, then beside a crowd; in words."""
    before = p99_of_requests(scene), p99_of_handshakes(scene)
    crowd_of()
    beside = p99_of_requests(scene), p99_of_handshakes(scene)
    for name, alone, with_others in zip(("requests", "handshakes"), before, beside):
        assert with_others <= alone * FACTOR + SLACK, f"p99 of {name}: {with_others:.3f} s instead of {alone:.3f} s"
    return "p99 alone and beside them: " + ", ".join(
        f"{name} {alone * 1000:.1f} and {with_others * 1000:.1f} ms"
        for name, alone, with_others in zip(("requests", "handshakes"), before, beside))


def idle_connections(scene):
    """10,000 idle TLS connections: a client beside them is served as before, and so are they in the end"""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < IDLE + 1000:
        raise Skipped(f"a process may not open {IDLE + 1000} descriptors here (ulimit -n)")
    daemon = scene.larder(scene.configuration(scene.origin(), limits="  idle_timeout: 10m"))
    scene.get("/size/1024")
    crowds, sizes = [], [resident(daemon)]

    def arrive():
        crowds.extend(Crowd(scene, "idle", IDLE // 2) for _ in range(2))
        for crowd in crowds:
            crowd.expect_word("ready")
        time.sleep(3)  # buffers of connections that rest are given back within seconds
        sizes.append(resident(daemon))
        until(lambda: scene.stats()["totals"]["clients"] >= IDLE, "the crowd is there")

    words = compare(scene, arrive)
    for crowd in crowds:
        crowd.end_input()
    for crowd in crowds:
        crowd.expect_word("all served")
    assert daemon.is_running, daemon.last_words()
    return f"{words}; {(sizes[1] - sizes[0]) / IDLE / 1000:.1f} KB resident each"


def slow_handshakes(scene):
    """1,000 handshakes that go on a byte at a time, for longer than they may: a client beside them is served as before"""
    daemon = scene.larder(scene.configuration(scene.origin(), limits="  head_timeout: 3s"))
    scene.get("/size/1024")

    crowds = []

    def arrive():
        crowds.append(Crowd(scene, "slow", SLOW))
        crowds[0].expect_word("ready")
        until(lambda: scene.stats()["totals"]["clients"] >= SLOW * 9 // 10, "the crowd is there")

    words = compare(scene, arrive)
    assert crowds[0].process.poll() is None, "the crowd has ended early"
    assert daemon.is_running, daemon.last_words()
    return f"{words}; {scene.stats()['totals']['tls']['failed']} of them were ended"


CHECKS = [idle_connections, slow_handshakes]
