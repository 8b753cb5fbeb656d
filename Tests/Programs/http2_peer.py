"""A peer that speaks HTTP/2 frame by frame, so that it can also say what no library would. Needs `hpack` (PyPI, or Debian's
python3-hpack) for what it receives; what it sends is encoded here, in any way that a check wants."""

import socket
import struct
from collections import namedtuple

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 32
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ENABLE_CONNECT_PROTOCOL = 8
NAMES = {0: "DATA", 1: "HEADERS", 2: "PRIORITY", 3: "RST_STREAM", 4: "SETTINGS", 5: "PUSH_PROMISE", 6: "PING", 7: "GOAWAY",
         8: "WINDOW_UPDATE", 9: "CONTINUATION"}
ERRORS = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
          "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
          "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]


def frame(kind, flags, stream, payload=b"", length=None):
    """A frame; `length` is what its header says, if that isn't what it has."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, bits, first=0):
    """An integer with a prefix of so many bits (RFC 7541 §5.1); `first` has the bits before it."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    rest, out = value - most, bytearray([first | most])
    while rest >= 128:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes(out) + bytes([rest])


def literal(name, value, kind=0):
    """A field line with a new name, by default without indexing (RFC 7541 §6.2.2)."""
    return bytes([kind]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def section(fields):
    return b"".join(literal(*(word.encode() if isinstance(word, str) else word for word in field)) for field in fields)


def settings(*pairs):
    return b"".join(struct.pack(">HI", name, value) for name, value in pairs)


def number(value):
    return struct.pack(">I", value)


class Frame(namedtuple("Frame", "kind flags stream payload")):
    @property
    def ends_stream(self):
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def error(self):
        """The name of the error code of a RST_STREAM or GOAWAY frame."""
        place = 0 if self.kind == RST_STREAM else 4
        code = int.from_bytes(self.payload[place:place + 4], "big")
        return ERRORS[code] if code < len(ERRORS) else hex(code)

    @property
    def last_stream(self):
        return int.from_bytes(self.payload[:4], "big") & 0x7FFFFFFF

    def __str__(self):
        name = NAMES.get(self.kind, f"frame {self.kind}")
        return f"{name}({self.error})" if self.kind in (RST_STREAM, GOAWAY) else f"{name} of {len(self.payload)} on {self.stream}"


class Peer:
    """One connection. Reading raises TimeoutError when nothing comes, and ends with None when the other side ends."""

    def __init__(self, port, context=None, host="127.0.0.1", within=10):
        self.socket = socket.create_connection(("127.0.0.1", port), within)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.received = bytearray()
        # What the other side takes on the connection.
        self.window = 65535
        self.decoder = hpack.Decoder(max_header_list_size=1 << 20)

    def begin(self, *pairs):
        """Preface and SETTINGS of both sides, acknowledged."""
        self.send(PREFACE, frame(SETTINGS, 0, 0, settings(*pairs)))
        self.await_frame(SETTINGS, lambda each: each.flags & ACK)
        return self

    def send(self, *pieces):
        self.socket.sendall(b"".join(pieces))

    def read(self):
        """The next frame. SETTINGS of the other side are acknowledged on the way; an abrupt end counts as an end."""
        while True:
            if len(self.received) >= 9:
                length = int.from_bytes(self.received[:3], "big")
                if len(self.received) >= 9 + length:
                    break
            try:
                piece = self.socket.recv(1 << 16)
            except (ConnectionError, BrokenPipeError):
                piece = b""
            if not piece:
                return None
            self.received += piece
        kind, flags = self.received[3], self.received[4]
        stream = int.from_bytes(self.received[5:9], "big") & 0x7FFFFFFF
        found = Frame(kind, flags, stream, bytes(self.received[9:9 + length]))
        del self.received[:9 + length]
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == WINDOW_UPDATE and stream == 0:
            self.window += int.from_bytes(found.payload, "big")
        return found

    def await_frame(self, kind, condition=lambda _: True):
        """The next frame of that kind; what else comes is passed over. None at the end of the connection."""
        while (found := self.read()) and not (found.kind == kind and condition(found)):
            pass
        return found

    def fields(self, found):
        """The field section of a HEADERS frame that ends it, as a list of pairs."""
        return [(name, value) for name, value in self.decoder.decode(found.payload)]

    def close(self):
        self.socket.close()
