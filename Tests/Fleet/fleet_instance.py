"""One Larder of the fleet: its process, its own way to Redis, and clients that ask it."""

import asyncio
import json
import os
import signal
import subprocess

from child_process import free_port
from fleet_process import Process
from fleet_relay import Relay

HOST = "fleet.example"
CLIENT_SECONDS = 30

CONFIGURATION = """\
server:
  listen: 127.0.0.1:{listen}
  workers: 2
  drain: 1s
admin:
  listen: 127.0.0.1:{admin}
store:
  backend: {backend}
  memory: 32MiB
{store}upstreams:
  origin:
    servers: [http://127.0.0.1:{origin}]
    first_byte_timeout: 20s
routes:
  - path: /{{rest...}}
    upstream: origin
    cache: {{methods: [GET, HEAD]}}
"""


class ClientError(Exception):
    """What a client of an API must never see: no response, half of one, or an error."""


class Response:
    def __init__(self, status, fields, content):
        self.status, self.fields, self.content = status, fields, content

    @property
    def cache(self):
        return self.fields.get("x-cache", "")

    @property
    def is_collapsed(self):
        """Whether it is what another request had fetched already when this one came, or was fetching."""
        return "collapsed" in self.fields.get("cache-status", "")


async def exchange(port, method, target, host=HOST, content=None, fields=(), within=CLIENT_SECONDS):
    """One request on a connection of its own."""
    writer = None
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *fields]
            if content is not None:
                lines.append(f"Content-Length: {len(content)}")
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + (content or b""))
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                status = int(head[0].split(" ")[1])
                if status >= 200:
                    break
            names = {name.strip().lower(): value.strip() for name, _, value in
                     (line.partition(":") for line in head[1:] if line)}
            if method == "HEAD" or status in (204, 304):
                body = b""
            elif "content-length" in names:
                body = await reader.readexactly(int(names["content-length"]))
            elif names.get("transfer-encoding", "").lower() == "chunked":
                body = b""
                while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    body += (await reader.readexactly(size + 2))[:-2]
            else:
                body = await reader.read(-1)
            return Response(status, names, body)
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
        raise ClientError(f"{method} {target}: {type(error).__name__} {error}".strip()) from error
    finally:
        if writer:
            writer.transport.abort()


class Instance:
    def __init__(self, name, options, folder, origin_port, redis_port, seed, log):
        self.name, self.options, self.log = name, options, log
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.origin_port = origin_port
        self.port, self.admin_port = free_port(), free_port()
        self.relay = Relay(redis_port, f"{seed}/{name}", log)
        self.process, self.lives, self.reloads = None, 0, 0
        self.is_ready = self.is_stopped = self.is_troubled = False
        self.path = os.path.join(self.folder, "larder.yaml")

    def __str__(self):
        return self.name

    @property
    def is_running(self):
        return self.process is not None and self.process.is_running

    def write_configuration(self, comment=""):
        store = f"  redis: redis://127.0.0.1:{self.relay.port}/0\n" if self.options.backend != "memory" else ""
        store += "".join(f"  {key}: {value}\n" for key, value in self.options.store.items())
        with open(self.path, "w") as file:
            file.write(comment + CONFIGURATION.format(
                listen=self.port, admin=self.admin_port, backend=self.options.backend, store=store,
                origin=self.origin_port))

    async def start(self):
        if not self.relay.port:
            await self.relay.start()
        self.write_configuration()
        self.lives += 1
        environment = {"SWIFT_BACKTRACE": "enable=yes,color=no,interactive=no,timeout=20s"}
        if self.options.without:
            environment["LARDER_WITHOUT"] = self.options.without
        self.process = Process([os.path.abspath(self.options.larder), "serve", "--config", self.path], self.folder,
                               "larder", environment)
        self.is_stopped = False

        async def is_ready():
            try:
                return (await exchange(self.admin_port, "GET", "/readyz", "localhost", within=2)).status == 200
            except ClientError:
                return False

        await self.process.wait_until(is_ready)
        self.is_ready = True
        self.log.note(f"{self} is ready")

    def kill(self):
        self.log.note(f"{self} is killed")
        self.is_ready = False
        self.process.kill()

    def stop_process(self):
        self.log.note(f"{self} is stopped (SIGSTOP)")
        self.is_stopped = True
        self.process.signal(signal.SIGSTOP)

    def continue_process(self):
        self.log.note(f"{self} is continued (SIGCONT)")
        self.is_stopped = False
        self.process.signal(signal.SIGCONT)

    def reload(self):
        self.reloads += 1
        self.write_configuration(f"# {self.reloads}\n")
        self.log.note(f"{self} reloads")
        self.process.signal(signal.SIGHUP)

    async def leave(self):
        """An orderly end: SIGTERM, and what is under way is finished."""
        self.log.note(f"{self} is told to end (SIGTERM)")
        self.is_ready = False
        self.process.signal(signal.SIGTERM)
        for _ in range(500):
            if not self.is_running:
                return
            await asyncio.sleep(0.02)
        self.process.kill()

    async def ask(self, target, method="GET", content=None, fields=()):
        return await exchange(self.port, method, target, content=content, fields=fields)

    async def admin(self, method, path, value=None):
        content = None if value is None else json.dumps(value).encode()
        return await exchange(self.admin_port, method, path, "localhost", content,
                              ["Content-Type: application/json"] if content else (), within=15)

    async def stats(self):
        return json.loads((await self.admin("GET", "/stats")).content)

    def end(self):
        if self.process:
            self.process.signal(signal.SIGCONT)
            self.process.kill()
        self.relay.stop()


def accepts(larder, folder, key, value):
    """Whether this build knows the key `store.KEY`."""
    path = os.path.join(folder, "probe.yaml")
    with open(path, "w") as file:
        file.write(CONFIGURATION.format(listen=1, admin=2, backend="tiered", origin=3,
                                        store=f"  redis: redis://127.0.0.1:4/0\n  {key}: {value}\n"))
    done = subprocess.run([larder, "check", path], capture_output=True, text=True)
    return done.returncode == 0
