"""HAProxy's small-object cache, with one thread and room for 1 MiB."""

from peers.setup import SECURE, Setup, find_program, first_version, write


class HAProxy(Setup):
    slug = "haproxy"
    name = "HAProxy cache"
    programs = ("haproxy",)

    def version(self):
        return first_version([find_program("haproxy"), "-v"])

    def command(self, folder, port, origin_port, redis_port):
        return self.start(folder, f"bind 127.0.0.1:{port} backlog 4096", origin_port)

    def start(self, folder, binds, origin_port):
        # `no strict-limits`: it would like two descriptors per connection at its connection limit, and never needs them.
        path = write(folder, "haproxy.cfg", f"""global
    nbthread 1
    maxconn 12000
    no strict-limits

defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 60s
    timeout http-keep-alive 300s
    http-reuse always

cache bench
    total-max-size 64
    max-object-size 2097152
    max-age 3600

frontend clients
    {binds}
    use_backend cached if {{ path_beg /hit/ }}
    default_backend passed

backend cached
    http-request cache-use bench
    http-response cache-store bench
    server origin 127.0.0.1:{origin_port}

backend passed
    server origin 127.0.0.1:{origin_port}
""")
        return [find_program("haproxy"), "-db", "-f", path]


class HAProxySecure(HAProxy):
    slug = "haproxy-tls"
    name = "HAProxy, TLS"
    cases = SECURE

    def secure_command(self, folder, port, origin_port, secure):
        both = write(folder, "both.pem", "".join(open(path).read() for path in (secure.certificate, secure.key)))
        return self.start(folder, f"""bind 127.0.0.1:{port} backlog 4096
    bind 127.0.0.1:{secure.h2c_port} proto h2 backlog 4096
    bind 127.0.0.1:{secure.port} ssl crt {both} alpn h2,http/1.1 backlog 4096""", origin_port)
