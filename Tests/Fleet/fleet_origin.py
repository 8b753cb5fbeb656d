"""The origin: it has a version of each resource, which the run changes, and may take its time.

A response says which version it was made from, and its content is made of that version alone, so that whatever a client
gets can be told apart and checked whole. PUT and DELETE change the version, as the API of an application does.
"""

import asyncio
import random


class Resource:
    """What the origin has at one path. `think` draws how many seconds a fetch takes, `read` at which part of that time
    the version is looked at, `send` how many seconds lie between the halves of the content."""

    def __init__(self, path, size=64, max_age=60, tags=(), think=lambda rng: 0.0, read=lambda rng: rng.random(),
                 send=lambda rng: 0.0):
        self.path, self.size, self.max_age, self.tags = path, size, max_age, tuple(tags)
        self.think, self.read, self.send = think, read, send
        self.version, self.fetches, self.gate, self.waiting = 1, 0, None, 0
        self.other_paths = []

    def __str__(self):
        return self.path

    def content(self, version):
        head = b"%s version %d\n" % (self.path.encode(), version)
        return head + (b"%d." % version * (self.size // 2 + 1))[: self.size]

    def hold(self):
        """Fetches that have looked at their version wait until the gate is set."""
        self.gate = asyncio.Event()
        return self.gate


def version_of(resource, content):
    """The version that a client's content was made from; None if the content isn't whole."""
    try:
        path, word, number = content.split(b"\n", 1)[0].decode("latin-1").rsplit(" ", 2)
        version = int(number)
    except ValueError:
        return None
    return version if word == "version" and content == resource.content(version) else None


class Origin:
    def __init__(self, seed, log):
        self.rng, self.log, self.resources, self.server, self.port = random.Random(f"origin/{seed}"), log, {}, None, None
        self.fetches = 0

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def add(self, resource):
        self.resources[resource.path] = resource
        return resource

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                method, target, _ = lines[0].split(" ", 2)
                fields = dict((name.lower(), value.strip()) for name, _, value in
                              (line.partition(":") for line in lines[1:] if line))
                if length := int(fields.get("content-length", 0)):
                    await reader.readexactly(length)
                await self.respond(method, target, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        except asyncio.CancelledError:
            pass  # the run is over
        finally:
            writer.close()

    async def respond(self, method, target, writer):
        resource = self.resources.get(target)
        if not resource:
            return writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        if method not in ("GET", "HEAD"):
            resource.version += 1
            self.log.note(f"origin: {method} makes version {resource.version}", resource)
            return writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Version: %d\r\n\r\n" % resource.version)
        resource.fetches += 1
        self.fetches += 1
        number, think = resource.fetches, resource.think(self.rng)
        before = think * resource.read(self.rng)
        self.log.note(f"origin: fetch {number} begins, takes {think * 1000:.0f} ms", resource)
        if before:
            await asyncio.sleep(before)
        version = resource.version
        self.log.note(f"origin: fetch {number} has read version {version}", resource)
        if think > before:
            await asyncio.sleep(think - before)
        if resource.gate:
            resource.waiting += 1
            await resource.gate.wait()
            resource.waiting -= 1
        content = resource.content(version)
        tags = f"Cache-Tag: {','.join(resource.tags)}\r\n" if resource.tags else ""
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\nCache-Control: max-age={resource.max_age}\r\n"
                     f"{tags}\r\n".encode())
        if method == "HEAD":
            return
        half, pause = len(content) // 2, resource.send(self.rng)
        writer.write(content[:half])
        if pause:
            await writer.drain()
            await asyncio.sleep(pause)
        writer.write(content[half:])
        self.log.note(f"origin: fetch {number} is answered with version {version}", resource)

    def stop(self):
        if self.server:
            self.server.close()
