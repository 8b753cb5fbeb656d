#!/usr/bin/env python3
"""An application's own cache in Redis, as LightAPI's RedisCache keeps it: JSON at "lightapi:" and the MD5 of the key, with
SETEX. Uses redis-py where it is installed, and otherwise speaks to Redis itself; the first line says which.

    json_cache.py PORT set KEY JSON TIMEOUT | get KEY | delete KEY
"""

import hashlib
import json
import socket
import sys

try:
    import redis
except ImportError:
    redis = None


class PlainClient:
    """As much of redis-py as is needed here."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.replies = self.socket.makefile("rb")

    def command(self, *arguments):
        parts = [argument if isinstance(argument, bytes) else str(argument).encode() for argument in arguments]
        text = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(text)
        line = self.replies.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            if int(rest) < 0:
                return None
            return self.replies.read(int(rest) + 2)[:-2]
        return int(rest) if kind == b":" else rest

    def get(self, key):
        return self.command("GET", key)

    def setex(self, key, timeout, value):
        return self.command("SETEX", key, timeout, value) == b"OK"

    def delete(self, key):
        return self.command("DEL", key)


class RedisCache:
    def __init__(self, client):
        self.client = client

    def get(self, key):
        found = self.client.get(self.name(key))
        return None if found is None else json.loads(found)

    def set(self, key, value, timeout=300):
        return bool(self.client.setex(self.name(key), timeout, json.dumps(value)))

    def delete(self, key):
        return self.client.delete(self.name(key))

    @staticmethod
    def name(key):
        return "lightapi:" + hashlib.md5(key.encode()).hexdigest()


def main():
    port, verb, key, *rest = sys.argv[1:]
    client = redis.Redis(host="127.0.0.1", port=int(port)) if redis else PlainClient(int(port))
    cache = RedisCache(client)
    print(f"redis-py {redis.__version__}" if redis else "no redis-py: speaking RESP")
    if verb == "set":
        result = cache.set(key, json.loads(rest[0]), int(rest[1]))
    elif verb == "get":
        result = cache.get(key)
    elif verb == "delete":
        result = cache.delete(key)
    else:
        sys.exit(f"unknown verb {verb}")
    print(json.dumps(result, sort_keys=True))


if __name__ == "__main__":
    main()
