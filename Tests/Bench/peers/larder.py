"""Larder in five setups, one worker each: cache in memory, in Redis, in memory before Redis, a route without a cache, and TLS
and HTTP/2 before the cache in memory."""

import os

from peers.setup import HITS, IDLE, PASS, SECURE, STORE, Setup, first_version, write


class Larder(Setup):
    backend = ""
    caches = True

    def __init__(self, binary):
        self.binary = os.path.abspath(binary)

    def missing(self):
        return super().missing() or (None if os.access(self.binary, os.X_OK) else "larder (make build)")

    def version(self):
        return first_version([self.binary, "--version"])

    def command(self, folder, port, origin_port, redis_port):
        return self.start(folder, f"127.0.0.1:{port}", origin_port, redis_port)

    def start(self, folder, listen, origin_port, redis_port=None):
        redis = f"\n  redis: redis://127.0.0.1:{redis_port}/0" if redis_port else ""
        route = "/hit" if self.caches else "/pass"
        cache = "\n    cache:\n      timeout: 1h" if self.caches else ""
        path = write(folder, "larder.yaml", f"""server:
  listen: {listen}
  workers: 1
admin:
  listen: off
store:
  backend: {self.backend}{redis}
upstreams:
  origin: http://127.0.0.1:{origin_port}
routes:
  - path: {route}/{{file...}}
    upstream: origin{cache}
limits:
  requests: 0
log:
  access: off
""")
        return [self.binary, "serve", "--config", path]


class LarderMemory(Larder):
    slug = "larder-memory"
    name = "Larder, memory"
    cases = HITS + IDLE + STORE
    backend = "memory"


class LarderRedis(Larder):
    slug = "larder-redis"
    name = "Larder, Redis"
    cases = HITS + STORE
    backend = "redis"
    uses_redis = True


class LarderTiered(Larder):
    slug = "larder-tiered"
    name = "Larder, tiered"
    cases = HITS + STORE
    backend = "tiered"
    uses_redis = True


class LarderPassThrough(Larder):
    slug = "larder-pass"
    name = "Larder, pass-through"
    cases = PASS
    backend = "none"
    caches = False


class LarderSecure(Larder):
    slug = "larder-tls"
    name = "Larder, TLS"
    cases = SECURE
    backend = "memory"

    def secure_command(self, folder, port, origin_port, secure):
        return self.start(folder, f"""
    - 127.0.0.1:{port}
    - {{address: "127.0.0.1:{secure.h2c_port}", h2c: on}}
    - address: 127.0.0.1:{secure.port}
      tls: {{certificates: {{cert: {secure.certificate}, key: {secure.key}}}}}""", origin_port)
