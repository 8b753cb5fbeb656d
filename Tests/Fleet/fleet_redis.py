"""Redis as the run has it: a server of its own, and a client as an application has one."""

import asyncio
import os
import shutil

from child_process import StartFailure, free_port
from fleet_process import Process


class RedisGone(Exception):
    """There was no reply; whether the command was run isn't known."""


class RedisError(Exception):
    """Redis replied with an error."""


class RedisClient:
    """One connection, opened when it is needed. Commands run one after another."""

    def __init__(self, port):
        self.port, self.reader, self.writer, self.lock = port, None, None, asyncio.Lock()

    async def call(self, *words, within=5.0):
        return (await self.pipeline([words], within))[0]

    async def pipeline(self, commands, within=5.0):
        async with self.lock:
            try:
                return await asyncio.wait_for(self.exchange(commands), within)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                self.close()
                raise RedisGone(f"{commands[0][0]}: {type(error).__name__}") from error

    async def exchange(self, commands):
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 26)
        for words in commands:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            self.writer.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts))
        await self.writer.drain()
        return [await self.reply() for _ in commands]

    async def reply(self):
        line = (await self.reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"-":
            return RedisError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else (await self.reader.readexactly(int(rest) + 2))[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [await self.reply() for _ in range(int(rest))]
        raise EOFError

    def close(self):
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None


class RedisServer:
    """A redis-server that can be stopped, continued, killed, and started empty or from an earlier dump."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.dump = os.path.join(folder, "dump.rdb")
        self.snapshot_path = os.path.join(folder, "snapshot.rdb")
        self.app = RedisClient(self.port)

    async def start(self):
        program = shutil.which("redis-server")
        if not program:
            raise StartFailure("the run needs redis-server: apt-get install redis-server")
        self.process = Process([program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                                "no", "--dir", self.folder, "--dbfilename", "dump.rdb"],
                               self.folder, "redis")

        async def is_ready():
            try:
                return await self.app.call("PING", within=1) == "PONG"
            except RedisGone:
                return False

        await self.process.wait_until(is_ready)

    async def snapshot(self):
        """What a later start from an earlier state begins with."""
        reply = await self.app.call("SAVE")
        if reply == "OK":
            shutil.copyfile(self.dump, self.snapshot_path)
        return reply == "OK"

    def kill(self):
        self.process.kill()
        self.app.close()

    async def start_again(self, rolled_back=False):
        if os.path.exists(self.dump):
            os.remove(self.dump)
        if rolled_back:
            shutil.copyfile(self.snapshot_path, self.dump)
        await self.start()

    def stop(self):
        self.app.close()
        if self.process:
            self.process.kill()
