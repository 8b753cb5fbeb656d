"""The processes of a run: the daemon, its Redis, and the crew that plays clients and origins.

All are children of this program, end with it even if it is killed, and are stopped by process id.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import time

import live_daemon
from child_process import end_with_parent

DRAIN_SECONDS = 3

CONFIGURATION = """\
server:
  listen: 127.0.0.1:{listen}
  workers: 2
  drain: {drain}s
admin:
  listen: 127.0.0.1:{admin}
store:
  backend: {backend}
  memory: 2MiB
  object: 64KiB
{redis_line}upstreams:
  control: http://127.0.0.1:{control}
  orderly:
    servers: [http://127.0.0.1:{orderly}]
    first_byte_timeout: 1s
    between_bytes_timeout: 1s
  odd:
    servers: [http://127.0.0.1:{odd}]
    first_byte_timeout: 1s
    between_bytes_timeout: 1s
  flight:
    servers: [http://127.0.0.1:{flight}]
    first_byte_timeout: 2s
    between_bytes_timeout: 2s
  shaky:
    servers: [http://127.0.0.1:{shaky}]
    first_byte_timeout: 2s
    between_bytes_timeout: 2s
routes:
  - path: /control/{{rest...}}
    upstream: control
    cache: {{methods: [GET]}}
  - path: /tagged/{{id}}
    upstream: orderly
    cache:
      methods: [GET, HEAD, POST, QUERY]
      timeout: 2s
      body_key: 4KiB
  - path: /odd/{{id}}
    upstream: odd
    upgrade: on
    cache:
      methods: [GET, HEAD, POST, QUERY]
      timeout: 2s
      body_key: 4KiB
{flights}  - path: /{{rest...}}
    upstream: odd
limits:
  variants: 4
  head_timeout: 1s
  read_timeout: 1s
  write_timeout: 2s
  idle_timeout: 2s
  body: 1MiB
log:
  access: json
  to: {log}
"""

# Where answers are shared; each is a route to the orderly and one to the shaky origin of such answers. What lives longer
# than a second would be found too old by the checks.
FLIGHT_ROUTES = {
    "std": "{client_control: honour, methods: [GET, HEAD, POST, QUERY], timeout: 1s, stale_while_revalidate: 2s, "
           "stale_if_error: 5s, early_refresh: 50%, collapse: 300ms, statuses: {404: 1s, 500: 1s}}",
    "force": "{mode: force, client_control: honour, timeout: 1s, stale_while_revalidate: 2s, collapse: 300ms, "
             "statuses: {404: 1s, 500: 1s}}",
    "strict": "{client_control: honour, key: '{method} {path}?{query} strict', timeout: 1s, strict: on, "
              "collapse: 300ms}",
    "heuristic": "{client_control: honour, heuristic: 10%, heuristic_cap: 1s, tags: remove, collapse: 300ms, "
                 "early_refresh: 20%}",
}


def flight_routes():
    return "".join(f"  - path: /{prefix}/{name}/{{id}}\n    upstream: {prefix}\n    cache: {cache}\n"
                   for prefix in ("flight", "shaky") for name, cache in FLIGHT_ROUTES.items())


class Redis(live_daemon.Process):
    def __init__(self, folder, port):
        self.port = port
        super().__init__(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                          "--dir", folder], folder, "redis")
        self.wait_until(lambda: self.command(b"PING") == b"PONG")

    def command(self, *words):
        """The reply of one command: a string's or status's bytes, or None for anything else."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection, connection.makefile("rb") as replies:
            connection.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))
            line = replies.readline().rstrip()
            if line[:1] == b"$" and line != b"$-1":
                return replies.read(int(line[1:]))
            return line[1:] if line[:1] == b"+" else None


class Daemon(live_daemon.Daemon):
    def __init__(self, larder, folder, backend, ports):
        self.log_path = os.path.join(folder, "access.log")
        redis_line = "" if backend == "memory" else f"  redis: redis://127.0.0.1:{ports['redis']}/0\n"
        super().__init__(larder, folder, CONFIGURATION, ports, backend=backend, redis_line=redis_line, log=self.log_path,
                         drain=DRAIN_SECONDS, flights=flight_routes())

    def note_threads(self):
        """Writes where each thread is to the daemon's own output: what it waits for in the kernel, and its calls if gdb is
        there."""
        tasks = f"/proc/{self.process.pid}/task"
        with open(self.output_path, "a") as output:
            for task in os.listdir(tasks) if self.is_running else []:
                name, state, wait = (open(f"{tasks}/{task}/{file}").read().strip() for file in ("comm", "stat", "wchan"))
                print(f"thread {name}: {state.rsplit(')')[1].split()[0]} {wait}", file=output)
            if shutil.which("gdb") and self.is_running:
                calls = subprocess.run(["gdb", "-p", str(self.process.pid), "-batch", "-ex", "thread apply all bt 12"],
                                       capture_output=True, text=True, timeout=30, preexec_fn=end_with_parent).stdout
                output.writelines(line + "\n" for line in calls.splitlines() if line.startswith(("#", "Thread")))


class Crew:
    """The forked parts of this program."""

    def __init__(self):
        self.members = []

    def add(self, function, *arguments):
        def begin():
            end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            function(*arguments)

        self.members.append(multiprocessing.Process(target=begin, daemon=True))
        self.members[-1].start()

    def join_last(self, number, seconds):
        deadline = time.monotonic() + seconds
        for member in self.members[-number:]:
            member.join(max(0, deadline - time.monotonic()))

    def stop(self):
        for member in self.members:
            member.kill()
            member.join()
