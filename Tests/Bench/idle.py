"""Memory: what a proxy holds right after its start, and what each idle keep-alive connection adds to it.

Each connection has had one small HIT before it goes idle, since that is what clients do, and since a connection that
was only accepted has not yet cost its buffers.
"""

import errno
import select
import socket
import struct
import time

import http_client
import load
import usage

CONNECTIONS = 10_000
IN_FLIGHT = 200
SECONDS = 60
SETTLE_SECONDS = 1.5
# Handshakes take this program longer than plain connections do; and some give buffers back after a while only.
SECURE_CONNECTIONS = 3_000
SECURE_SETTLE_SECONDS = 5
REQUEST = b"GET /hit/1k.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
BODY_SIZE = 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # no TIME_WAIT: the next peer needs the ports


def start_size(running):
    return {
        "resident_bytes": usage.resident_bytes(running.proxy.pid),
        "proportional_bytes": usage.proportional_bytes(running.proxy.pid),
    }


def idle_cost(running, descriptor_limit):
    """Resident bytes per idle connection, on a proxy that has served a little before. Raises if it won't take them."""
    port, pid, secure = running.proxy.port, running.proxy.pid, running.secure
    http_client.get(port, "/hit/1k.json")
    load.run(secure.port if secure else port, "/hit/1k.json", 64, 1, scheme="https" if secure else "http")
    settle = SECURE_SETTLE_SECONDS if secure else SETTLE_SECONDS
    time.sleep(settle)
    before = usage.resident_bytes(pid)
    count = min(SECURE_CONNECTIONS if secure else CONNECTIONS, descriptor_limit - 500)
    connections = []
    try:
        if secure:
            open_secure_connections(secure, count, connections)
        else:
            open_connections(port, count, connections)
        time.sleep(settle)
        after = usage.resident_bytes(pid)
        dropped = count_readable(connections)
        faults = [f"{dropped} of {count} idle connections were closed"] if dropped else []
        faults += serve_again(connections[:: max(1, count // 100)])
    finally:
        for connection in connections:
            connection.close()
    return {
        "bytes_per_connection": (after - before) / count,
        "connections": count,
        "resident_before": before,
        "resident_after": after,
        "faults": faults,
    }


def open_connections(port, count, connections):
    """Opens `count` connections, IN_FLIGHT at a time, each with one answered request."""
    poll = select.epoll()
    waiting = {}
    deadline = time.monotonic() + SECONDS
    try:
        while len(connections) < count or waiting:
            while len(connections) < count and len(waiting) < IN_FLIGHT:
                connection = begin_connection(port)
                connections.append(connection)
                waiting[connection.fileno()] = Exchange(connection)
                poll.register(connection.fileno(), select.EPOLLOUT)
            if time.monotonic() > deadline:
                raise TimeoutError
            for descriptor, events in poll.poll(1):
                exchange = waiting[descriptor]
                if events & select.EPOLLOUT:
                    exchange.connection.sendall(REQUEST)
                    poll.modify(descriptor, select.EPOLLIN)
                elif exchange.read_is_complete():
                    poll.unregister(descriptor)
                    del waiting[descriptor]
    finally:
        poll.close()


def open_secure_connections(secure, count, connections):
    """The same over TLS, one after the other. They read what comes behind the handshake with the response (tickets)."""
    context = secure.context()
    for _ in range(count):
        connection = context.wrap_socket(socket.create_connection(("127.0.0.1", secure.port), 5), server_hostname="127.0.0.1")
        connections.append(connection)
        exchange = Exchange(connection)
        connection.sendall(REQUEST)
        while not exchange.read_is_complete():
            pass


def begin_connection(port):
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    result = connection.connect_ex(("127.0.0.1", port))
    if result not in (0, errno.EINPROGRESS):
        connection.close()
        raise OSError(result, "connect")
    return connection


class Exchange:
    """The first request of one connection: its answer is read to the end of the body and thrown away."""

    def __init__(self, connection):
        self.connection = connection
        self.received = b""

    def read_is_complete(self):
        piece = self.connection.recv(65536)
        if not piece:
            raise ConnectionResetError
        self.received += piece
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if separator and not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionRefusedError
        return bool(separator) and len(body) >= BODY_SIZE


def count_readable(connections):
    """An idle connection has nothing to say: one that is readable was closed."""
    poll = select.epoll()
    try:
        for connection in connections:
            poll.register(connection.fileno(), select.EPOLLIN)
        return len(poll.poll(0, len(connections)))
    finally:
        poll.close()


def serve_again(connections):
    """Whether the idle connections still serve."""
    failed = 0
    for connection in connections:
        connection.settimeout(5)
        exchange = Exchange(connection)
        try:
            connection.sendall(REQUEST)
            while not exchange.read_is_complete():
                pass
        except OSError:
            failed += 1
    return [f"{failed} of {len(connections)} idle connections did not serve again"] if failed else []
