"""Many clients that do little: `crowd.py MODE PORT CA COUNT`. Prints `ready` when all are there, and holds them until it ends.

`idle` opens connections, sends one request on each and then nothing. `slow` keeps so many handshakes under way, each a byte
at a time; those that the server ends begin again."""

import selectors
import socket
import ssl
import sys
import time

MODE, PORT, AUTHORITY, COUNT = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
REQUEST = b"GET /size/1024 HTTP/1.1\r\nHost: a.test\r\n\r\n"
context = ssl.create_default_context(cafile=AUTHORITY)


def idle():
    held = []
    for number in range(COUNT):
        connection = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), 30), server_hostname="a.test")
        connection.sendall(REQUEST)
        received = b""
        while not received.endswith(b"\r\n\r\n" + b"x" * 1024):
            piece = connection.recv(4096)
            assert piece, f"connection {number} was closed after {received!r}"
            received += piece
        held.append(connection)
    print("ready", flush=True)
    sys.stdin.read()
    # All of them still serve.
    for number, connection in enumerate(held):
        connection.sendall(REQUEST)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 "), f"connection {number} was no longer served"
    print("all served", flush=True)


def hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="a.test")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def slow():
    def connect():
        plain = socket.create_connection(("127.0.0.1", PORT), 30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setblocking(False)
        selector.register(plain, selectors.EVENT_READ)
        return plain

    records, selector = hello(), selectors.DefaultSelector()
    places = {connect(): 0 for _ in range(COUNT)}
    print("ready", flush=True)
    while True:
        for key, _ in selector.select(0):
            plain = key.fileobj
            # An alert or the end: the server has had enough of this one.
            selector.unregister(plain)
            del places[plain]
            plain.close()
            places[connect()] = 0
        for plain, place in list(places.items()):
            try:
                # The last byte never comes.
                places[plain] += plain.send(records[place:place + 1]) if place < len(records) - 1 else 0
            except OSError:
                pass
        time.sleep(0.2)


{"idle": idle, "slow": slow}[MODE]()
