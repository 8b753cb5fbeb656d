"""Certificates and processes that are replaced under load: no request fails."""

import collections
import json
import re
import signal
import socket
import subprocess
import threading
import time

from scene import HOST, ROOT, await_listener, expect, program, until

RELOADS = 100
HANDOVERS = 5


class Load:
    """A load generator under way, with what it says at its end."""

    def __init__(self, scene, *arguments):
        self.process = subprocess.Popen([str(word) for word in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, text=True)
        scene.callback(self.stop)

    @property
    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        if self.is_running:
            self.process.kill()
        self.process.communicate()

    def report(self, ends=False):
        """What it says at its end, which comes at once if wrk `ends` now."""
        if ends:
            self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=180)[0]


def h2load(scene, seconds, path="/size/1024"):
    return Load(scene, program("h2load", "nghttp2-client"), "-c", 16, "-m", 8, "-D", seconds, scene.url_by_address + path)


def wrk(scene, seconds, *more, path="/size/1024"):
    return Load(scene, program("wrk", "wrk"), "-t", 1, "-c", 16, "-d", f"{seconds}s", "--timeout", "20s", "-s",
                ROOT / "Tests/Bench/wrk.lua", *more, scene.url_by_address + path)


def faults_of_h2load(text):
    """(requests, failures) of its report."""
    found = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
                      text)
    assert found, text[-1000:]
    _, done, succeeded, failed, errored, late = map(int, found.groups())
    return succeeded, failed + errored + late + done - succeeded


def faults_of_wrk(text):
    """(requests, failures) of its report."""
    figures = json.loads(next(line for line in text.splitlines() if line.startswith('{"requests"')))
    return figures["requests"], sum(figures["errors"].values())


def reloads(scene):
    """100 reloads, each with a new certificate, under h2load and wrk over TLS and under new connections: no request fails"""
    certificates = [scene.authority.issue(f"server-{number}", 5000 + number) for number in range(RELOADS)]
    daemon = scene.larder(scene.configuration(scene.origin()))
    scene.get("/size/1024")
    loads = h2load(scene, 45), wrk(scene, 120), wrk(scene, 120, "-H", "Connection: close")
    began = time.monotonic()
    for number, paths in enumerate(certificates):
        scene.install(paths)
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: scene.get("/size/1024", serial=True) == (b"x" * 1024, 5000 + number), f"certificate {number} is served")
        time.sleep(0.1)
    took = time.monotonic() - began
    assert all(load.is_running for load in loads), f"the loads have ended before the reloads, which took {took:.0f} s"
    counts = [faults_of_h2load(loads[0].report())] + [faults_of_wrk(load.report(ends=True)) for load in loads[1:]]
    assert daemon.is_running, daemon.last_words()
    expect([failures for _, failures in counts], [0, 0, 0], f"failures of h2load, wrk, wrk with new connections {counts}")
    assert all(requests > 100 for requests, _ in counts), counts
    requests = " + ".join(str(requests) for requests, _ in counts)
    return f"{RELOADS} reloads in {took:.1f} s; {requests} requests (h2load, wrk, wrk with new connections), none failed"


def handovers(scene):
    """Five hand-overs of the socket from one process to the next, under wrk and an HTTP/2 client: no request fails"""
    import http2_peer

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", scene.port))
        listener.listen(1024)
        path = scene.configuration(scene.origin())
        daemon = activated(scene, path, listener)
        until(lambda: scene.get("/size/1024"), "the daemon responds")
        stop = threading.Event()
        followers = [Follower(scene, http2_peer, stop) for _ in range(3)]
        loads = wrk(scene, 120), wrk(scene, 120, "-H", "Connection: close")
        for follower in followers:
            follower.start()
        for number in range(HANDOVERS):
            time.sleep(1)
            # As `systemctl restart` with a socket unit does it: stop, then start. Connections wait in the socket meanwhile.
            daemon.process.send_signal(signal.SIGTERM)
            expect(daemon.process.wait(30), 0, f"exit status; it said {daemon.last_words()[-500:]}")
            daemon = activated(scene, path, listener)
        time.sleep(1)
        assert all(load.is_running for load in loads), "the loads have ended before the hand-overs"
        stop.set()
        for follower in followers:
            follower.join(60)
        counts = [faults_of_wrk(load.report(ends=True)) for load in loads]
        failures = collections.Counter(failure for follower in followers for failure in follower.failures)
        requests = sum(follower.requests for follower in followers)
        goodbyes = sum(follower.goodbyes for follower in followers)
        assert not failures, f"HTTP/2: {failures} of {requests} requests"
        expect([failed for _, failed in counts], [0, 0], f"failures of wrk, wrk with new connections {counts}")
        assert goodbyes >= HANDOVERS and requests > 100 and all(done > 100 for done, _ in counts), (goodbyes, requests, counts)
        return (f"{HANDOVERS} hand-overs; {counts[0][0]} + {counts[1][0]} requests of wrk, {requests} over HTTP/2 with "
                f"{goodbyes} GOAWAYs, none failed")


def activated(scene, configuration, listener):
    """A daemon that gets the socket as systemd passes it (sd_listen_fds(3))."""
    start = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
    daemon = scene.process("larder", "bash", "-c", start, listener.fileno(), scene.larder_path, "serve", "--config",
                           configuration, pass_fds=[listener.fileno()])
    await_listener(daemon, scene.admin)
    return daemon


class Follower(threading.Thread):
    """A client that keeps eight requests open on a connection, and does with GOAWAY what RFC 9113 §6.8 says."""

    def __init__(self, scene, http2, stop):
        super().__init__(daemon=True)
        self.scene, self.http2, self.stop = scene, http2, stop
        self.requests = self.goodbyes = 0
        self.failures = []

    def run(self):
        while not self.stop.is_set() and len(self.failures) < 10:
            try:
                self.converse()
            except Exception as error:  # whatever it is, it is a request that failed
                self.failures.append(f"{type(error).__name__}: {error}")

    def converse(self):
        http2 = self.http2
        peer = http2.Peer(self.scene.port, self.scene.authority.context(["h2"]), HOST, within=30)
        fields = http2.section([(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/size/1024")])
        peer.send(http2.PREFACE, http2.frame(http2.SETTINGS, 0, 0),
                  http2.frame(http2.WINDOW_UPDATE, 0, 0, http2.number(1 << 30)))
        waiting, following, last = set(), 1, None
        try:
            while True:
                if last is None and not self.stop.is_set() and following < 2000:
                    opened = []
                    while len(waiting) < 8:
                        opened.append(http2.frame(http2.HEADERS, http2.END_STREAM | http2.END_HEADERS, following, fields))
                        waiting.add(following)
                        following += 2
                    try:
                        peer.send(*opened)
                    except OSError:
                        pass  # what was read so far says whether that is a failure
                if not waiting:
                    return
                found = peer.read()
                if found is None:
                    assert not waiting, f"the connection ended with {len(waiting)} requests open, GOAWAY: {last}"
                    return
                if found.kind == http2.GOAWAY:
                    assert found.error == "NO_ERROR", str(found)
                    self.goodbyes += last is None
                    last = found.last_stream
                    waiting = {stream for stream in waiting if stream <= last}
                elif found.kind == http2.RST_STREAM and found.stream in waiting:
                    assert found.error == "REFUSED_STREAM", str(found)
                    waiting.discard(found.stream)
                elif found.kind == http2.HEADERS and found.stream in waiting:
                    status = dict(peer.fields(found))[":status"]
                    assert status == "200", status
                if found.ends_stream and found.stream in waiting:
                    waiting.discard(found.stream)
                    self.requests += 1
        finally:
            peer.close()


CHECKS = [reloads, handovers]
