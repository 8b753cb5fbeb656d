"""What the fuzzers of a live daemon share: their options, the daemon in its temporary folder, clients that converse until the
time is over, one beside them that keeps to the rules, and how findings are printed."""

import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "Tests/Programs"))

from child_process import ChildProcess, StartFailure, free_port

START_SECONDS = 20
REST_SECONDS = 15


class Process(ChildProcess):
    def __init__(self, arguments, folder, name):
        try:
            super().__init__(arguments, folder, name)
        except OSError as error:
            raise StartFailure(f"{arguments[0]} did not start: {error.strerror}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_until(self, is_ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running:
            try:
                if is_ready():
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise self.start_failure()

    def last_words(self):
        with open(self.output_path, errors="replace") as output:
            return "".join(line for line in output.readlines() if "is taken on" not in line)[-16000:]

    def stop(self):
        self.kill()


class Daemon(Process):
    """Larder, once it is ready. The configuration has names in braces for the folder, the ports and other values."""

    def __init__(self, larder, folder, configuration, ports, **values):
        self.ports = {"listen": free_port(), "admin": free_port()} | ports
        self.port = self.ports["listen"]
        path = os.path.join(folder, "larder.yaml")
        with open(path, "w") as file:
            file.write(configuration.format(folder=folder, **self.ports, **values))
        super().__init__([os.path.abspath(larder), "serve", "--config", path], folder, "larder")
        self.wait_until(lambda: self.admin("GET", "/readyz")[0] == 200)

    def admin(self, method, path, body=None, headers=None):
        """Status and body of one request to the admin listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["admin"], timeout=5)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()

    def figures(self):
        return json.loads(self.admin("GET", "/stats")[1])

    def figures_at_rest(self, held, seconds):
        """The figures once all numbers that `held` takes from them are 0, or when the seconds are over or the daemon has ended;
        and these numbers."""
        deadline = time.monotonic() + seconds
        figures, left = None, {}
        while self.is_running and time.monotonic() < deadline:
            # It may end, or hang, at this moment.
            with contextlib.suppress(OSError, http.client.HTTPException):
                figures = self.figures()
                left = held(figures)
                if not any(left.values()):
                    break
            time.sleep(0.1)
        return figures, left

    def signal(self, number):
        if self.is_running:
            self.process.send_signal(number)

    def resident(self, figure="VmRSS"):
        """The memory that is resident, in bytes; with VmHWM, the most that ever was."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(figure))


class Client(threading.Thread):
    """Converses until the time is over. What `expected` names may happen to it; any other failure is a finding."""

    expected = (BrokenPipeError, ConnectionResetError, TimeoutError)

    def __init__(self, ports, number, seed, until):
        super().__init__(daemon=True)
        self.ports, self.number, self.until, self.count, self.finding = ports, number, until, 0, None
        self.draw = random.Random(seed * 1000 + number)

    def run(self):
        while time.monotonic() < self.until and not self.finding:
            try:
                self.converse()
            except self.expected:
                pass
            except OSError as error:
                self.finding = f"a client could not connect or talk: {error}"
            self.count += 1


def start_clients(kind, number, daemon, options):
    """So many clients of a kind, which converse from now on."""
    until = time.monotonic() + options.seconds
    clients = [kind(daemon.ports, place, options.seed, until) for place in range(number)]
    for client in clients:
        client.start()
    return clients


def watch(daemon, clients, is_served, pause):
    """Findings and, if the daemon still runs, its figures at the end. While the clients converse, `is_served` tells after each
    pause whether one that keeps to the rules gets its response; nothing of theirs is left soon after them."""
    findings = []
    while time.monotonic() < clients[0].until and daemon.is_running:
        time.sleep(pause)
        try:
            if not is_served():
                findings.append("a client that keeps to the rules got no whole response")
        except OSError as error:
            findings.append(f"a client that keeps to the rules got no response: {error}")
    for client in clients:
        client.join(20)
        if client.finding:
            findings.append(client.finding)
    figures, left = daemon.figures_at_rest(
        lambda figures: {name: figures["totals"][name] for name in ("active_requests", "clients")}, REST_SECONDS)
    if not daemon.is_running:
        return findings + [f"the daemon has ended\n{daemon.last_words()}"], None
    if not figures:
        findings.append("the daemon doesn't say how it is")
    if any(left.values()):
        findings.append(f"something was left behind: {left}")
    return findings, figures


@contextlib.contextmanager
def run_folder(program):
    """A temporary folder, gone at the end. What did not start ends the program with a sentence, and a signal without one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="larder-fuzz-")
    try:
        yield folder
    except StartFailure as failure:
        sys.exit(f"{program}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def argument_parser(program, description, verb="send"):
    parser = argparse.ArgumentParser(prog=program, description=description.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help=f"how long clients {verb} (default 60)")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="default: a random one, printed")
    parser.add_argument("--larder", default=os.path.join(ROOT, ".build/debug/larder"), metavar="PATH",
                        help="the binary (default: the debug build)")
    return parser


def serve(origin):
    """The port of an origin, which serves from now on."""
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    return origin.server_address[1]


def main(program, description, opening, title, fuzz, verb="send"):
    """The exit status of a run: prints what `fuzz`, which gets the options and a temporary folder, has found."""
    options = argument_parser(program, description, verb).parse_args()
    print(f"{opening} {options.larder} for {options.seconds:g} s, seed {options.seed}", flush=True)
    with run_folder(program) as folder:
        findings = fuzz(options, folder)
    for finding in dict.fromkeys(findings):
        print(f"finding: {finding}", file=sys.stderr)
    print(f"{title}, seed {options.seed}: {len(findings)} findings")
    return 1 if findings else 0
