"""One run of wrk against one URL: a single thread, keep-alive connections, each with one request at a time. Of HTTP/2 and of
handshakes, one of theirs."""

import json
import os
import re
import subprocess
import sys
import time

import machine
from peers.setup import find_program, first_version
from processes import child_preparation

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")
HANDSHAKES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "handshakes.py")


def missing():
    return None if find_program("wrk") else "wrk"


def version():
    return first_version([find_program("wrk"), "-v"])


def run_case(running, case, seconds):
    """The clients of a case, against the port of its protocol. Returns figures in the form of wrk's."""
    if case.protocol == "h2":
        return h2load(f"https://127.0.0.1:{running.secure.port}{case.path}", seconds)
    if case.protocol == "h2c":
        return h2load(f"http://127.0.0.1:{running.secure.h2c_port}{case.path}", seconds)
    if case.protocol in ("handshake", "resumed"):
        return handshakes(running.secure, case.path, seconds, case.protocol == "resumed")
    if case.protocol == "tls":
        return run(running.secure.port, case.path, case.connections, seconds, scheme="https")
    return run(running.proxy.port, case.path, case.connections, seconds, case.is_new)


def run(port, path, connections, seconds, is_new=False, scheme="http"):
    """Asks for the path, or for a new one that begins with it each time. Returns wrk's figures as a dictionary. Its time is bounded; a run that doesn't end is killed and raises."""
    arguments = [
        find_program("wrk"), "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "-s", SCRIPT,
        f"{scheme}://127.0.0.1:{port}{path}",
    ]
    if is_new:
        arguments += ["--", f"{path}{time.monotonic_ns()}-"]
    # start_new_session: Ctrl-C is for this program, and `run` kills its child on the way out.
    answer = subprocess.run(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=seconds + 15, start_new_session=True,
        preexec_fn=child_preparation(machine.OTHER_CORES))
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    if answer.returncode != 0 or not lines:
        raise RuntimeError(f"wrk failed: {answer.stderr.strip() or answer.stdout.strip()}")
    return json.loads(lines[-1])


def h2load_version():
    return first_version([find_program("h2load"), "--version"])


def h2load(url, seconds):
    """32 connections with 8 requests each at a time; in the form of wrk's figures, without times."""
    answer = subprocess.run(
        [find_program("h2load"), "-t", "1", "-c", "32", "-m", "8", "-D", str(seconds), url], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds + 15, start_new_session=True,
        preexec_fn=child_preparation(machine.OTHER_CORES))
    requests = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", answer.stdout)
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", answer.stdout)
    data = re.search(r"\((\d+)\) data", answer.stdout)
    if answer.returncode or not (requests and codes and data):
        raise RuntimeError(f"h2load failed: {answer.stdout[-500:]}")
    succeeded, failed, errored, late = map(int, requests.groups())
    return {
        "requests": succeeded, "bytes": int(data.group(1)), "microseconds": seconds * 1_000_000, "p50_us": None, "p99_us": None,
        "errors": {"request": failed + errored, "timeout": late, "status": sum(map(int, codes.groups()[1:]))},
    }


def handshakes(secure, path, seconds, resumes):
    """New connections, one after the other, each with one request; made by a process of its own, on the others' core."""
    answer = subprocess.run(
        [sys.executable, HANDSHAKES, str(secure.port), secure.certificate, path, str(seconds), str(int(resumes))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds + 15,
        start_new_session=True, preexec_fn=child_preparation(machine.OTHER_CORES))
    if answer.returncode:
        raise RuntimeError(f"handshakes failed: {answer.stderr[-500:]}")
    count, resumed, received, p50, p99 = map(int, answer.stdout.split())
    return {
        "requests": count, "bytes": received, "microseconds": seconds * 1_000_000, "p50_us": p50, "p99_us": p99,
        "errors": {"resumption": count - resumed if resumes else resumed},
    }
