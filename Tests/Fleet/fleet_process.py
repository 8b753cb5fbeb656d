"""Processes of a run. They end with this program, even if it is killed, and are stopped by process id."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import time

START_SECONDS = 30
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None)


class StartFailure(Exception):
    """Something that the run needs did not come up."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A program in the foreground whose output goes to a file."""

    def __init__(self, arguments, folder, name, environment=None):
        self.output_path = os.path.join(folder, name + ".err")
        with open(self.output_path, "ab") as output:
            self.process = subprocess.Popen(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(environment or {})}, preexec_fn=end_with_parent)

    @property
    def is_running(self):
        return self.process.poll() is None

    async def wait_until(self, is_ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            if await is_ready():
                return
            await asyncio.sleep(0.02)
        self.kill()
        raise StartFailure(f"{self.process.args[0]} did not start:\n{self.last_words()}")

    def last_words(self):
        with open(self.output_path, errors="replace") as output:
            return output.read()[-12000:]

    def signal(self, number):
        if self.is_running:
            self.process.send_signal(number)

    def kill(self):
        if self.is_running:
            self.process.kill()
        self.process.wait()
