"""Peers that mean harm over HTTP/2, one kind after the other and then all at once beside a client that works.

A peer that floods is told so (GOAWAY with ENHANCE_YOUR_CALM) or disconnected; one that stalls is disconnected when its time is
over. What either makes the daemon hold has a bound.
"""

import itertools
import ssl
import subprocess
import sys
import threading
import time

from crowds import FACTOR, SLACK, p99_of_requests, processor_seconds, resident
from scene import HERE, expect, until

LIMITS = "  head_timeout: 2s\n  read_timeout: 2s\n  write_timeout: 2s\n  idle_timeout: 4s"
# Above what a daemon of that configuration may come to hold for one peer.
GROWTH = 48 << 20
# And to work for one: a connection of a client that means well takes less.
SECONDS = 3


def floods():
    """What each flood sends again and again, by its name; `number` counts from 0."""
    from cases import GET, request, section
    from http2_peer import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                            frame, literal, number, settings)
    from cases import post

    def stream(count):
        return 2 * count + 1

    large = section(GET) + literal(b"x", b"y" * 4000, 0x40)
    return {
        "requests that are cancelled at once": lambda count: request(stream(count)) + frame(RST_STREAM, 0, stream(count), number(8)),
        "requests that make the daemon reset them": lambda count: (
            post(stream(count)) + frame(WINDOW_UPDATE, 0, stream(count), number(0))),
        "malformed requests": lambda count: request(stream(count), more=[("X", "1")]),
        "a field section without an end": lambda count: (
            frame(CONTINUATION, 0, 1, b"") if count else frame(HEADERS, END_STREAM, 1, section(GET))),
        "a field section of any length": lambda count: (
            frame(CONTINUATION, 0, 1, literal(b"x", b"y" * 16000)) if count else frame(HEADERS, END_STREAM, 1, section(GET))),
        "PING": lambda count: frame(PING, 0, 0, b"12345678"),
        "SETTINGS": lambda count: frame(SETTINGS, 0, 0, settings((4, 65535))),
        "PRIORITY": lambda count: frame(PRIORITY, 0, stream(count), number(0) + b"\x10"),
        "PRIORITY_UPDATE": lambda count: frame(16, 0, 0, number(stream(count)) + b"u=1"),
        "WINDOW_UPDATE": lambda count: frame(WINDOW_UPDATE, 0, 0, number(1)),
        "DATA of nothing": lambda count: frame(DATA, 0, 1) if count else post(1),
        "DATA of padding": lambda count: frame(DATA, 8, 1, b"\1\0") if count else post(1),
        "frames of an unknown kind": lambda count: frame(0xBE, 0, 0, b""),
        "a field of the table, very often": lambda count: frame(
            HEADERS, END_HEADERS | END_STREAM, stream(count), large if count == 0 else section(GET) + b"\xbe" * 15_000),
    }


def flood(peer, piece, reads):
    """Sends until the other side has had enough; how it ended, in words, or None when it takes more for ten seconds.

    One that doesn't read sends for a second and then looks whether there is a GOAWAY: what comes behind that is passed over for
    a while, as a connection that is closed too early would take the GOAWAY with it.
    """
    deadline, count = time.monotonic() + (10 if reads else 1), itertools.count()
    try:
        while time.monotonic() < deadline:
            peer.socket.settimeout(8)
            peer.send(*(piece(next(count)) for _ in range(200)))
            if reads and (found := goodbye(peer, 0.0005)):
                return found
    except (OSError, ssl.SSLError):
        return goodbye(peer, 1) or "disconnected"
    return goodbye(peer, 8)


def goodbye(peer, seconds):
    """GOAWAY, if that is among what comes until nothing comes for so long; or that the connection has ended."""
    peer.socket.settimeout(seconds)
    try:
        while found := peer.read():
            if found.kind == 7:
                return str(found)
        return "disconnected"
    except (TimeoutError, ssl.SSLError, OSError):
        return None


def one_by_one(scene):
    """Floods over HTTP/2, read and unread: each ends, and the daemon holds little for it and has little work"""
    import http2_peer

    daemon = scene.larder(scene.configuration(scene.origin(), limits=LIMITS))
    scene.get("/size/100")
    words, failures = [], []
    for name, piece in floods().items():
        for reads in (True, False):
            before, worked = resident(daemon), processor_seconds(daemon)
            peer = http2_peer.Peer(scene.plain, within=8).begin()
            ended = flood(peer, piece, reads)
            growth, worked = resident(daemon) - before, processor_seconds(daemon) - worked
            peer.close()
            if not daemon.is_running:
                raise AssertionError(f"{name}: the daemon has ended\n{daemon.last_words()}")
            if ended is None or growth > GROWTH or worked > SECONDS:
                failures.append(f"{name}, {'read' if reads else 'unread'}: {ended or 'goes on'}, {growth >> 20} MiB more, "
                                f"{worked:.1f} s of processor time")
            if reads:
                words.append(f"{name}: {ended}")
    until(lambda: scene.stats()["totals"]["active_requests"] == 0, "no request is left")
    assert not failures, "\n".join(failures)
    return "\n".join(words)


def stalls(scene):
    """Peers that stop in the middle, over HTTP/2: of a field section, of content, of reading. They are disconnected in time"""
    import http2_peer
    from cases import request
    from http2_peer import END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PREFACE, frame, section
    from cases import GET, open_window, post
    from rfc9113_frames import large

    daemon = scene.larder(scene.configuration(scene.origin(), limits=LIMITS))
    scene.get("/size/1000000")
    cases = {
        "in the preface": lambda peer: peer.send(PREFACE[:10]),
        "after SETTINGS": lambda peer: peer.begin(),
        "within a frame": lambda peer: peer.begin().send(frame(HEADERS, END_STREAM, 1, section(GET)[:9], length=100)),
        "within a field section": lambda peer: peer.begin().send(frame(HEADERS, END_STREAM, 1, section(GET)[:9])),
        "within content": lambda peer: peer.begin().send(post(1), frame(0, 0, 1, b"abc")),
        "with no window": lambda peer: peer.begin((INITIAL_WINDOW_SIZE, 0)).send(*(request(stream) for stream in range(1, 201, 2))),
        "with windows, reading nothing": lambda peer: peer.begin((INITIAL_WINDOW_SIZE, 1 << 30)).send(
            open_window(0, 1 << 30), *(large(stream) for stream in range(1, 201, 2))),
    }
    before, peers = resident(daemon), []
    for begin in cases.values():
        for _ in range(20):
            peers.append(http2_peer.Peer(scene.plain, within=20))
            begin(peers[-1])
    until(lambda: scene.stats()["totals"]["clients"] >= len(peers) - 5, "all are there", within=5)
    grown = resident(daemon) - before
    assert grown < 400 << 20, f"{grown >> 20} MiB for {len(peers)} peers that stall"
    until(lambda: scene.stats()["totals"]["clients"] == 0, "all of them are disconnected", within=30)
    expect(scene.stats()["totals"]["active_requests"], 0, "requests that are left")
    for peer in peers:
        peer.close()
    expect(scene.get("/size/10"), b"x" * 10)
    return f"{len(peers)} peers, {grown >> 20} MiB meanwhile"


def all_at_once(scene):
    """All floods at once and again, beside a client that is served as before"""
    daemon = scene.larder(scene.configuration(scene.origin(), limits=LIMITS))
    scene.get("/size/1024")
    alone = p99_of_requests(scene)
    attackers = [
        subprocess.Popen([sys.executable, HERE / "floods.py", str(scene.plain), str(place)], stdin=subprocess.DEVNULL)
        for place in range(2)]
    for attacker in attackers:
        scene.callback(attacker.wait)
        scene.callback(attacker.kill)
    time.sleep(1)
    beside = p99_of_requests(scene)
    limits = scene.stats()["limits"]
    assert all(attacker.poll() is None for attacker in attackers), "the attackers have ended early"
    assert daemon.is_running, daemon.last_words()
    assert limits["resets"] and limits["frames"], limits
    assert beside <= alone * FACTOR + SLACK, f"p99: {beside:.3f} s instead of {alone:.3f} s"
    return f"p99 alone and beside them: {alone * 1000:.1f} and {beside * 1000:.1f} ms; limits reached: {limits['resets']} + {limits['frames']}"


def attack(port, place):
    """Until it is ended: every flood in a thread of its own, again and again."""
    import http2_peer

    def again(piece):
        while True:
            try:
                peer = http2_peer.Peer(port, within=5).begin()
                flood(peer, piece, True)
                peer.close()
            except (OSError, AttributeError):
                pass

    for piece in list(floods().values())[place::2]:
        threading.Thread(target=again, args=(piece,), daemon=True).start()
    threading.Event().wait()


one_by_one.__name__, stalls.__name__, all_at_once.__name__ = "floods", "stalls", "floods_together"
CHECKS = [one_by_one, stalls, all_at_once]

if __name__ == "__main__":
    sys.path.append(str(HERE.parent / "Programs"))
    attack(int(sys.argv[1]), int(sys.argv[2]))
