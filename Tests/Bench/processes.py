"""Starting servers and making sure that they end.

Every server runs in the foreground, in a process group of its own (so that Ctrl-C reaches only this program, which then
stops them in order), with a death signal (so that they end even if this program is killed). They are stopped by process
id, never by name.
"""

import ctypes
import http.client
import os
import signal
import subprocess
import time

import usage

START_SECONDS = 20
STOP_SECONDS = 5
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class StartFailure(Exception):
    """A server did not come up. The first argument says why, the second is the end of what it wrote."""


def child_preparation(cores):
    """What a child does between fork and exec: it takes its cores, and asks to end when this program does."""

    def prepare():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        os.sched_setaffinity(0, cores)

    return prepare


class Server:
    """One running server: a process tree, its port, and the cores it may use."""

    def __init__(self, arguments, folder, port, cores):
        self.port = port
        self.log_path = os.path.join(folder, "output.log")

        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=child_preparation(cores))

    @property
    def pid(self):
        return self.process.pid

    def wait_until(self, answers):
        """Waits until `answers(port)` is true; raises StartFailure if the process ends or time runs out."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StartFailure(f"ended with status {self.process.returncode}", self.last_words())
            try:
                if answers(self.port):
                    return self
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise StartFailure(f"did not answer within {START_SECONDS} s", self.last_words())

    def last_words(self):
        with open(self.log_path, errors="replace") as file:
            return "".join(file.readlines()[-8:])

    def stop(self):
        """SIGTERM to the root, and SIGKILL to whatever of the tree is left after a while."""
        family = [(pid, start_time(pid)) for pid in usage.process_tree(self.pid)]
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        for pid, started in family:
            if started is not None and start_time(pid) == started and not is_zombie(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self.process.wait()


def start_time(pid):
    """The start of a process in ticks since boot: with the id it tells a process from a later one of the same id."""
    fields = usage.stat_fields(pid)
    return fields[19] if fields else None


def is_zombie(pid):
    fields = usage.stat_fields(pid)
    return not fields or fields[0] == "Z"
