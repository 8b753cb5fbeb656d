"""Processes that the programs of Tests start. They end with the program, even if it is killed, and are stopped by process
id."""

import ctypes
import os
import signal
import socket
import subprocess

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


class ChildProcess:
    """A program in the foreground whose output is added to a file."""

    def __init__(self, arguments, folder, name, environment=None, pass_fds=()):
        self.output_path = os.path.join(folder, name + ".err")
        with open(self.output_path, "ab") as output:
            self.process = subprocess.Popen(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(environment or {})}, preexec_fn=end_with_parent, pass_fds=pass_fds)

    @property
    def is_running(self):
        return self.process.poll() is None

    def start_failure(self):
        """What to raise of a program that isn't ready in time: it is ended, and the sentence has what it wrote last."""
        self.kill()
        return StartFailure(f"{self.process.args[0]} did not start:\n{self.last_words()}")

    def last_words(self):
        with open(self.output_path, errors="replace") as output:
            return output.read()[-16000:]

    def kill(self):
        if self.is_running:
            self.process.kill()
        self.process.wait()
