"""What is measured: CPU time per request under load, in rounds that take turns among the setups.

Timings drift on any machine, so the setups alternate (A B C, B C A, …) and each figure is the median over the rounds.
A sample counts its own faults: wrk's errors, bodies of the wrong length, and a HIT case in which the origin was asked.
"""

import statistics
import time
from collections import namedtuple

import http_client
import load
import machine
import origin as origins
import usage

LoadCase = namedtuple("LoadCase", "slug name path connections is_hit is_new protocol", defaults=(False, "http"))

LOAD_CASES = [
    LoadCase("hit-1k", "1 KiB HIT", "/hit/1k.json", 64, True),
    LoadCase("hit-64k", "64 KiB HIT", "/hit/64k.json", 64, True),
    LoadCase("hit-1m", "1 MiB HIT", "/hit/1m.json", 16, True),
    LoadCase("pass-1k", "1 KiB pass-through", "/pass/1k.json", 64, False),
]

# What a store in Redis costs; each request of a MISS case is for something new. With one client, times are round trips.
STORE_CASES = [
    LoadCase("miss-1k", "1 KiB MISS", origins.NEW, 64, False, True),
    LoadCase("hit-one", "HIT, one client", "/hit/1k.json", 1, True),
    LoadCase("miss-one", "MISS, one client", origins.NEW, 1, False, True),
]

# HITs over TLS 1.3 by wrk, over HTTP/2 (32 connections with 8 requests each) by h2load; new connections with a request each.
SECURE_CASES = [
    LoadCase("tls-1k", "1 KiB, TLS", "/hit/1k.json", 64, True, protocol="tls"),
    LoadCase("tls-64k", "64 KiB, TLS", "/hit/64k.json", 64, True, protocol="tls"),
    LoadCase("h2-1k", "1 KiB, HTTP/2", "/hit/1k.json", 32, True, protocol="h2"),
    LoadCase("h2-64k", "64 KiB, HTTP/2", "/hit/64k.json", 32, True, protocol="h2"),
    LoadCase("h2c-1k", "1 KiB, h2c", "/hit/1k.json", 32, True, protocol="h2c"),
    LoadCase("h2c-64k", "64 KiB, h2c", "/hit/64k.json", 32, True, protocol="h2c"),
    LoadCase("handshake", "new connection", "/hit/1k.json", 1, True, protocol="handshake"),
    LoadCase("resumed", "resumed session", "/hit/1k.json", 1, True, protocol="resumed"),
]
ALL_CASES = LOAD_CASES + STORE_CASES + SECURE_CASES


def faults_before(running, case, origin):
    """Two requests, one after the other: the second must have the origin's body, and a HIT must not ask the origin."""
    first, second = (case.path + f"{time.monotonic_ns()}-{number}" if case.is_new else case.path for number in range(2))
    expected = http_client.get(origin.port, first).body
    faults = []
    http_client.get(running.proxy.port, first)
    time.sleep(0.2)  # a store that writes behind the answer may take a moment
    seen = origin.requests_seen(case.path)
    answer = http_client.get(running.proxy.port, second)
    asked = origin.requests_seen(case.path) - seen
    if answer.status != 200 or answer.body != expected:
        faults.append(f"answered {answer.status} with {len(answer.body)} bytes instead of {len(expected)}")
    if case.is_hit and asked:
        faults.append("the second request was no HIT")
    if not case.is_hit and not asked:
        faults.append("a pass-through request did not reach the origin")
    return faults


def sample(running, case, origin, seconds):
    """One run of wrk with the CPU time of the proxy and of its Redis around it."""
    seen = origin.requests_seen(case.path)
    proxy_before, redis_before, core_before = cpu_times(running)
    figures = load.run_case(running, case, seconds)
    proxy_after, redis_after, core_after = cpu_times(running)
    asked = origin.requests_seen(case.path) - seen

    requests = max(figures["requests"], 1)
    proxy = proxy_after - proxy_before
    elapsed = figures["microseconds"] / 1e6
    return {
        "requests": figures["requests"],
        "cpu_us": proxy / requests * 1e6,
        "redis_cpu_us": (redis_after - redis_before) / requests * 1e6 if running.redis else None,
        "requests_per_second": figures["requests"] / elapsed,
        "p50_us": figures["p50_us"],
        "p99_us": figures["p99_us"],
        # What else ran on the proxy's core meanwhile, as a share of the time: a disturbed sample reads high.
        "foreign_share": max(0.0, core_after - core_before - proxy) / elapsed if machine.IS_PINNED else None,
        "faults": faults_of(figures, case, asked),
    }


def cpu_times(running):
    redis = usage.cpu_seconds(running.redis.pid) if running.redis else 0.0
    return usage.cpu_seconds(running.proxy.pid), redis, machine.core_busy_seconds(min(machine.PROXY_CORES))


def faults_of(figures, case, asked):
    faults = [f"{count} {kind} errors" for kind, count in figures["errors"].items() if count]
    size = origins.size_of(case.path)
    if figures["requests"] == 0:
        faults.append("no request was answered")
    elif figures["bytes"] < figures["requests"] * size:
        faults.append("bodies were short")
    if case.is_hit and asked:
        faults.append(f"the origin was asked {asked} times")
    if not case.is_hit and asked < figures["requests"]:
        faults.append(f"only {asked} of {figures['requests']} requests reached the origin")
    return faults


def rounds(pairs, origin, seconds, count, progress):
    """Takes `count` samples of every (running setup, case), in turns; returns {(setup slug, case slug): result}."""
    samples = {}
    faults = {}
    for running, case in pairs:
        progress(f"warming up {running.setup.name}, {case.name}")
        key = running.setup.slug, case.slug
        samples[key] = []
        try:
            faults[key] = faults_before(running, case, origin)
            load.run_case(running, case, 1)
        except Exception as error:  # a peer that breaks must not take the others' figures along
            faults[key] = [describe(error)]
    for number in range(count):
        for case in ALL_CASES:
            turn = [pair for pair in pairs if pair[1] is case]
            shift = number % max(len(turn), 1)
            for running, _ in turn[shift:] + turn[:shift]:
                progress(f"round {number + 1} of {count}: {case.name}, {running.setup.name}")
                key = running.setup.slug, case.slug
                try:
                    samples[key].append(sample(running, case, origin, seconds))
                except Exception as error:
                    faults[key].append(describe(error))
    return {key: median(samples[key], faults[key]) for key in samples}


def describe(error):
    """An error without its text's paths and ports: the faults are published."""
    return f"failed ({type(error).__name__})"


def median(samples, faults):
    result = {"faults": faults + [fault for each in samples for fault in each["faults"]], "samples": samples}
    for name in ("cpu_us", "redis_cpu_us", "requests_per_second", "p50_us", "p99_us", "foreign_share"):
        values = [each[name] for each in samples if each[name] is not None]
        result[name] = statistics.median(values) if values else None
    return result
