"""What the checks of TLS share: an authority and its certificates, an origin, a daemon between them and the clients.

Everything is on loopback and in one temporary folder, and gone with the scene. Certificates are made by openssl(1) as the
checks run.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent / "Programs"))

from child_process import ChildProcess, free_port

PATIENCE = 30
HOST = "a.test"


class Skipped(Exception):
    """A check can't be done here; the sentence says what is missing."""


def program(name, package):
    """The path of a program, or the sentence with the package to install."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not found:
        raise Skipped(f"{name} is not installed (apt-get install {package})")
    return found


def run(*arguments, within=PATIENCE, input=None, **variables):
    """A finished process with its output as text. A program that takes too long is a failed check."""
    return subprocess.run(
        [str(word) for word in arguments], capture_output=True, text=True, errors="replace", timeout=within, input=input,
        stdin=subprocess.DEVNULL if input is None else None, env={**os.environ, **variables})


def expect(actual, expected, what=""):
    assert actual == expected, f"{what}{': ' if what else ''}{actual!r}, expected {expected!r}"


def until(condition, what, within=PATIENCE):
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {within} s")


class Authority:
    """A certificate authority with a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.certificate = folder / "ca.pem"
        self.openssl("req", "-x509", *self.new_key("ca"), "-days", 90, "-out", self.certificate, "-subj", "/CN=Test authority")

    def new_key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / f"{name}.key"

    def issue(self, name, serial, usage="serverAuth", days=90):
        """The paths of a certificate for `a.test` and 127.0.0.1, and of its key. With no days it has expired already."""
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        self.openssl("req", "-new", *self.new_key(name), "-out", request, "-subj", f"/CN={HOST}",
                     "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1", "-addext", f"extendedKeyUsage={usage}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-days", days,
                     "-set_serial", serial, "-copy_extensions", "copy", "-out", certificate)
        return certificate, self.folder / f"{name}.key"

    def context(self, protocols=()):
        """What a client in Python needs to believe this authority; offers these protocols (ALPN)."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    @staticmethod
    def openssl(*arguments):
        finished = run("openssl", *arguments)
        assert finished.returncode == 0, f"openssl {arguments[0]}: {finished.stderr}"


class Scene(contextlib.ExitStack):
    """Processes and files of one check."""

    def __init__(self, larder):
        super().__init__()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix="larder-tls-")))
        self.folder.chmod(0o755)
        self.larder_path = larder
        self.port, self.plain, self.admin = free_port(), free_port(), free_port()
        self.authority = Authority(self.folder / "authority")
        self.certificate, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.install(self.authority.issue("first", 1000))

    def install(self, paths):
        """Puts a certificate and its key where the configuration names them."""
        for source, target in zip(paths, (self.certificate, self.key)):
            new = target.with_suffix(".new")
            shutil.copyfile(source, new)
            os.replace(new, target)

    @property
    def url(self):
        return f"https://{HOST}:{self.port}"

    @property
    def url_by_address(self):
        return f"https://127.0.0.1:{self.port}"

    @property
    def to_host(self):
        """curl's arguments to find the host and to believe its certificate."""
        return "--resolve", f"{HOST}:{self.port}:127.0.0.1", "--cacert", self.authority.certificate

    def process(self, name, *arguments, pass_fds=(), **variables):
        process = ChildProcess([str(word) for word in arguments], self.folder, name, variables, pass_fds)
        self.callback(process.kill)
        return process

    def origin(self, kind="pages"):
        """The port of an origin (origin.py)."""
        port = free_port()
        process = self.process(f"origin-{kind}", sys.executable, HERE / "origin.py", kind, port)
        await_listener(process, port)
        return port

    def configuration(self, origin, server="", limits="", websocket=None):
        path = self.folder / "larder.yaml"
        path.write_text(f"""\
server:
  listen:
    - address: 127.0.0.1:{self.port}
      tls: {{certificates: {{cert: {self.certificate}, key: {self.key}}}}}
    - {{address: "127.0.0.1:{self.plain}", h2c: on}}
  workers: 2
  drain: 20s
{server}
admin:
  listen: 127.0.0.1:{self.admin}
upstreams:
  origin: http://127.0.0.1:{origin}
  websocket: http://127.0.0.1:{websocket or origin}
routes:
  - path: /ws/{{rest...}}
    upstream: websocket
    upgrade: [websocket]
  - path: /{{rest...}}
    upstream: origin
    cache: {{timeout: 10m}}
limits:
  requests: 0
{limits}
""")
        return path

    def larder(self, configuration, name="larder"):
        process = self.process(name, self.larder_path, "serve", "--config", configuration)
        await_listener(process, self.port)
        return process

    def stats(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/stats")
            return json.loads(connection.getresponse().read())

    def get(self, path, serial=False):
        """Body of a response over a new connection, with the serial number of the certificate if asked for."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as plain:
            with self.authority.context().wrap_socket(plain, server_hostname=HOST) as connection:
                number = int(connection.getpeercert()["serialNumber"], 16)
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
                with connection.makefile("rb") as input:
                    response = input.read()
        assert response.startswith(b"HTTP/1.1 200 "), response[:200]
        body = response.partition(b"\r\n\r\n")[2]
        return (body, number) if serial else body


def await_listener(process, port):
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if not process.is_running or time.monotonic() > deadline:
            raise process.start_failure()
        time.sleep(0.02)
