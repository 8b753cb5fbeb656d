"""The goals Larder set itself against its peers, each with its figure in this run.

CPU time is that of the proxy's processes alone; Redis's share stands in the tables beside it. A figure whose samples had
faults proves nothing, so it counts as not measured.
"""

from collections import namedtuple

Goal = namedtuple("Goal", "sentence figure limit unit")
Verdict = namedtuple("Verdict", "sentence figure limit unit holds")

MIB = 1024 * 1024


def verdicts(results):
    """One Verdict per goal; `holds` is None where a figure is missing."""

    def cpu(setup, case, factor=1.0):
        return scaled(sound(results["load"].get((setup, case)), "cpu_us"), factor)

    def idle(setup):
        return sound(results["idle"].get(setup), "bytes_per_connection")

    def start(setup):
        return scaled(results["start"].get(setup, {}).get("resident_bytes"), 1 / MIB)

    def wait(setup, case):
        return sound(results["load"].get((setup, case)), "p50_us")

    def more(one, other):
        return None if one is None or other is None else one - other

    def secure_idle(setup):
        return scaled(idle(setup), 1 / 1000)

    round_trip = more(wait("larder-redis", "hit-one"), wait("larder-memory", "hit-one"))

    goals = [
        Goal("memory HIT of 1 KiB at most 0.85 x HAProxy's",
             cpu("larder-memory", "hit-1k"), cpu("haproxy", "hit-1k", 0.85), "µs"),
        Goal("memory HIT of 64 KiB at most HAProxy's",
             cpu("larder-memory", "hit-64k"), cpu("haproxy", "hit-64k"), "µs"),
        Goal("memory HIT of 1 MiB at most Varnish's",
             cpu("larder-memory", "hit-1m"), cpu("varnish", "hit-1m"), "µs"),
        Goal("Redis HIT of 1 KiB at most 0.55 x nginx with Lua and Redis",
             cpu("larder-redis", "hit-1k"), cpu("lua-redis", "hit-1k", 0.55), "µs"),
        Goal("Redis HIT of 1 KiB below nginx's own local cache HIT",
             cpu("larder-redis", "hit-1k"), cpu("nginx", "hit-1k"), "µs"),
        Goal("tiered HIT of 1 KiB at most 1.05 x a memory HIT",
             cpu("larder-tiered", "hit-1k"), cpu("larder-memory", "hit-1k", 1.05), "µs"),
        Goal("what Redis adds to a MISS at most twice what it adds to a HIT: the look-up and the claim",
             more(wait("larder-redis", "miss-one"), wait("larder-memory", "miss-one")), scaled(round_trip, 2.0), "µs"),
        Goal("pass-through of 1 KiB at most 0.9 x nginx's",
             cpu("larder-pass", "pass-1k"), cpu("nginx", "pass-1k", 0.9), "µs"),
        Goal("resident per idle connection at most nginx's",
             idle("larder-memory"), idle("nginx"), "bytes"),
        Goal("TLS HIT of 1 KiB at most 0.65 x HAProxy's",
             cpu("larder-tls", "tls-1k"), cpu("haproxy-tls", "tls-1k", 0.65), "µs"),
        Goal("TLS HIT of 64 KiB at most 0.6 x HAProxy's",
             cpu("larder-tls", "tls-64k"), cpu("haproxy-tls", "tls-64k", 0.6), "µs"),
        Goal("HTTP/2 HIT of 1 KiB at most 0.5 x HAProxy's",
             cpu("larder-tls", "h2-1k"), cpu("haproxy-tls", "h2-1k", 0.5), "µs"),
        Goal("new TLS connection with a request at most nginx's",
             cpu("larder-tls", "handshake"), cpu("nginx-tls", "handshake"), "µs"),
        Goal("resident per idle TLS connection at most 12 KB",
             secure_idle("larder-tls"), 12.0, "KB"),
        Goal("resident at start under 16 MiB",
             start("larder-memory"), 16.0, "MiB"),
    ]
    return [verdict(goal) for goal in goals]


def sound(result, name):
    return result[name] if result and not result["faults"] else None


def scaled(value, factor):
    return None if value is None else value * factor


def verdict(goal):
    if goal.figure is None or goal.limit is None:
        return Verdict(*goal, None)
    is_strict = "under" in goal.sentence or "below" in goal.sentence
    return Verdict(*goal, goal.figure < goal.limit if is_strict else goal.figure <= goal.limit)
