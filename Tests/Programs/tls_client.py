"""Clients that speak TLS in ways of their own: `tls_client.py MODE PORT CA`. Prints what came of it."""

import os
import random
import socket
import ssl
import sys
import time

MODE, PORT, CA = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=CA)


class Client:
    """TLS over buffers, so that records can be sent in any pieces."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="a.test")

    def records(self):
        return self.outgoing.read()

    def send(self, step):
        records = self.records()
        for start in range(0, len(records), step):
            self.socket.sendall(records[start : start + step])

    def handshake(self, step=1 << 20):
        while True:
            try:
                self.tls.do_handshake()
                return self.send(step)
            except ssl.SSLWantReadError:
                self.send(step)
                self.incoming.write(self.socket.recv(1 << 16))

    def read_to_end(self):
        received = b""
        while True:
            try:
                piece = self.tls.read(1 << 16)
                if not piece:
                    return received, "close_notify"
                received += piece
            except ssl.SSLWantReadError:
                more = self.socket.recv(1 << 16)
                if not more:
                    return received, "cut"
                self.incoming.write(more)
            except ssl.SSLZeroReturnError:
                return received, "close_notify"


def request(target, fields=""):
    return f"GET {target} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n".encode()


def bytewise():
    """Handshake and two requests one byte at a time."""
    client = Client()
    client.handshake(1)
    client.tls.write(request("/one") + request("/two", "Connection: close\r\n"))
    client.send(1)
    received, end = client.read_to_end()
    print(received.count(b"HTTP/1.1 200"), end)


def together():
    """The request arrives in one segment with the end of the handshake, and pipelined ones with it."""
    client = Client()
    while True:
        try:
            client.tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            client.send(1 << 20)
            client.incoming.write(client.socket.recv(1 << 16))
    # The client's Finished has not been sent yet.
    for number in range(20):
        client.tls.write(request(f"/{number}", "Connection: close\r\n" if number == 19 else ""))
    client.send(1 << 20)
    received, end = client.read_to_end()
    print(received.count(b"HTTP/1.1 200"), end)


def read_until(client, enough):
    received = b""
    while not enough(received):
        try:
            piece = client.tls.read(1 << 16)
            if not piece:
                break
            received += piece
        except ssl.SSLWantReadError:
            client.send(1 << 20)
            client.incoming.write(client.socket.recv(1 << 16))
    return received


def websocket():
    """An upgrade over HTTP/1.1, and what is said through it."""
    client = Client()
    client.handshake()
    fields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    client.tls.write(request("/chat", fields + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"))
    client.send(1 << 20)
    head = read_until(client, lambda received: b"\r\n\r\nhi " in received)
    client.tls.write(b"echo")
    client.send(7)
    print(head.split(b"\r\n")[0].decode(), read_until(client, lambda received: len(received) >= 4).decode())


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def websocket2():
    """The same over a stream of HTTP/2 (RFC 8441)."""
    context.set_alpn_protocols(["h2"])
    client = Client()
    client.handshake()
    fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/chat")]
    section = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields + [(":authority", "a.test"), ("sec-websocket-version", "13")]
    )
    client.tls.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0) + frame(4, 1, 0) + frame(1, 4, 1, section))
    client.send(1 << 20)
    greeting = frame(0, 0, 1, b"hi ")
    read_until(client, lambda received: greeting in received)
    client.tls.write(frame(0, 0, 1, b"echo"))
    client.send(7)
    echo = frame(0, 0, 1, b"echo")
    print(client.tls.selected_alpn_protocol(), echo in read_until(client, lambda received: echo in received))


def halfway():
    """Connections that break in the middle of a record, of the handshake or of a request; then one that doesn't."""
    for number in range(200):
        client = Client()
        if number % 2:
            client.handshake()
            client.tls.write(request("/x" * 50))
            records = client.records()
        else:
            try:
                client.tls.do_handshake()
            except ssl.SSLWantReadError:
                records = client.records()
        client.socket.sendall(records[: random.Random(number).randrange(1, len(records))])
        client.socket.close()
    client = Client()
    client.handshake()
    client.tls.write(request("/last", "Connection: close\r\n"))
    client.send(1 << 20)
    received, end = client.read_to_end()
    print(received.count(b"HTTP/1.1 200"), end)


def garbage():
    """Noise instead of a handshake, in the middle of one, and behind it."""
    for number in range(300):
        noise = random.Random(number)
        client = Client()
        try:
            if number % 3 == 1:
                try:
                    client.tls.do_handshake()
                except ssl.SSLWantReadError:
                    records = bytearray(client.records())
                    for _ in range(noise.randrange(1, 5)):
                        records[noise.randrange(5, len(records))] ^= 1 << noise.randrange(8)
                    client.socket.sendall(records)
            elif number % 3 == 2:
                client.handshake()
            kind = bytes([noise.choice([20, 21, 22, 23, 24, 0, 255])]) + b"\x03\x03"
            client.socket.sendall(kind + noise.randbytes(noise.randrange(2, 20_000)))
            client.socket.settimeout(0.05)
            client.socket.recv(1 << 16)
        except (OSError, ssl.SSLError):
            pass
        client.socket.close()
    print("done")


def slow():
    """A thousand handshakes that never end, a byte now and then, until this is killed."""
    clients = []
    for _ in range(1_000):
        client = Client()
        try:
            client.tls.do_handshake()
        except ssl.SSLWantReadError:
            clients.append((client, client.records()))
    print("ready", flush=True)
    for place in range(1_000):
        for client, records in clients:
            try:
                client.socket.sendall(records[place % len(records) : place % len(records) + 1])
            except OSError:
                pass
        time.sleep(0.2)


def unread():
    """A large response of which little is read, slowly; then all of it, compared."""
    client = Client()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    client.handshake()
    client.tls.write(request("/large", "Connection: close\r\n"))
    client.send(1 << 20)
    time.sleep(1)
    received, end = client.read_to_end()
    body = received.split(b"\r\n\r\n", 1)[1]
    expected = b"".join(b"%07d\n" % number for number in range(500_000))
    print(body == expected, end)


MODES = [bytewise, together, halfway, garbage, slow, unread, websocket, websocket2]
{mode.__name__: mode for mode in MODES}[MODE]()
