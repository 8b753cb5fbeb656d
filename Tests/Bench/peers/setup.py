"""What every proxy under test has in common: a name, what it needs installed, a generated configuration, a start.

A subclass writes its configuration and returns the command line. `/hit/…` is cached by every setup, `/pass/…` by none.
"""

import os
import re
import shutil
import subprocess
import tempfile

import http_client
import machine
from processes import Server
from secure import Secure

HITS = ("hit-1k", "hit-64k", "hit-1m")
PASS = ("pass-1k",)
IDLE = ("idle",)
STORE = ("miss-1k", "hit-one", "miss-one")
SECURE = ("tls-1k", "tls-64k", "h2-1k", "h2-64k", "h2c-1k", "h2c-64k", "handshake", "resumed", "idle-tls")


class Setup:
    slug = ""
    name = ""
    cases = HITS + PASS + IDLE
    programs = ()
    uses_redis = False

    def missing(self):
        """What would have to be installed first, or None."""
        programs = self.programs + (("redis-server",) if self.uses_redis else ())
        return next((program for program in programs if not find_program(program)), None)

    def version(self):
        raise NotImplementedError

    def command(self, folder, port, origin_port, redis_port):
        """Writes the configuration into `folder`; returns the arguments that start the proxy in the foreground."""
        raise NotImplementedError

    def secure_command(self, folder, port, origin_port, secure):
        """The same of a setup that speaks TLS and HTTP/2 too, where `secure` says."""
        raise NotImplementedError


class RunningSetup:
    """A proxy that answers, with the Redis of its own if it uses one."""

    def __init__(self, setup, base_folder, origin_port):
        self.setup = setup
        self.redis = None
        self.proxy = None
        self.secure = None
        folder = tempfile.mkdtemp(prefix=setup.slug + "-", dir=base_folder)
        try:
            if setup.uses_redis:
                self.redis = start_redis(folder)
            port = machine.free_port()
            if setup.cases == SECURE:
                self.secure = Secure(folder)
                arguments = setup.secure_command(folder, port, origin_port, self.secure)
            else:
                arguments = setup.command(folder, port, origin_port, self.redis and self.redis.port)
            self.proxy = Server(arguments, folder, port, machine.PROXY_CORES)
            probe = "/pass/1k.json" if setup.cases == PASS else "/hit/1k.json"
            self.proxy.wait_until(lambda port: http_client.get(port, probe).status == 200)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        for server in (self.proxy, self.redis):
            if server:
                server.stop()


def start_redis(folder):
    """A Redis that keeps nothing on disk, on the core that the proxy doesn't have."""
    port = machine.free_port()
    redis_folder = os.path.join(folder, "redis")
    os.mkdir(redis_folder)
    server = Server(
        [find_program("redis-server"), "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
         "--dir", redis_folder],
        redis_folder, port, machine.OTHER_CORES)
    try:
        return server.wait_until(http_client.accepts)
    except BaseException:
        server.stop()
        raise


def find_program(name):
    """Like `which`, and in the folders of daemons that an ordinary user's PATH leaves out."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def first_version(arguments):
    """The first thing that looks like a version in a program's own words."""
    try:
        answer = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    found = re.search(r"\d+\.\d+(\.\d+)*([-+~][\w.+~-]+)?", answer.stdout)
    return found.group() if found else "unknown"


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path
