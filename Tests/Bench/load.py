"""One run of wrk against one URL: a single thread, keep-alive connections, each with one request at a time."""

import json
import os
import subprocess
import time

import machine
from peers.setup import find_program, first_version
from processes import child_preparation

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")


def missing():
    return None if find_program("wrk") else "wrk"


def version():
    return first_version([find_program("wrk"), "-v"])


def run(port, path, connections, seconds, is_new=False):
    """Asks for the path, or for a new one that begins with it each time. Returns wrk's figures as a dictionary. Its time is bounded; a run that doesn't end is killed and raises."""
    arguments = [
        find_program("wrk"), "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "-s", SCRIPT,
        f"http://127.0.0.1:{port}{path}",
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
