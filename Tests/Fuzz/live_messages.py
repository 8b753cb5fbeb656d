"""What both sides put on the wire: tagged bodies, chunks, pieces, damage; and a strict reader of answers.

A tagged body is one line over and over, and the line says whose answer it is. So any stretch of it shows where it came
from, and one byte of another answer in it is seen.
"""

import hashlib
import time


def tag(method, target, content, asker, language, length):
    """`asker` and `language` are `-` where the answer is for all; `length` is that of the whole body."""
    method = "GET" if method == "HEAD" else method
    digest = hashlib.md5(content).hexdigest()[:8] if method != "GET" else "-"
    return f"{method} {target} content={digest} for={asker} language={language} length={length}\n".encode()


def tagged_body(line, length):
    return (line * (length // len(line) + 1))[:length]


def chunked(draw, body, trailers=b""):
    pieces, start = [], 0
    while start < len(body):
        piece = body[start:start + draw.randint(1, 20000)]
        start += len(piece)
        pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece))
    return b"".join(pieces) + b"0\r\n" + trailers + b"\r\n"


def damaged(draw, message, within=400):
    """One byte of the message's beginning becomes another."""
    if not message:
        return message
    place = draw.randrange(min(len(message), within))
    return message[:place] + bytes([draw.randrange(256)]) + message[place + 1:]


def cut(draw, message):
    return message[:draw.randrange(len(message) + 1)]


def send_in_pieces(draw, connection, message):
    """Small pieces at the beginning, where the head is, and large ones after it."""
    start = 0
    while start < len(message):
        size = draw.choice([1, 7, 100, 5000, 100000]) if start < 400 else 100000
        connection.sendall(message[start:start + size])
        start += size
        if size < 100:
            time.sleep(0.0005)


class Malformed(Exception):
    """The daemon sent what no HTTP/1.1 server may send."""


class Closed(Exception):
    """The connection ended before the first byte of an answer."""


class Answer:
    def __init__(self, status, fields):
        self.status, self.fields = status, fields
        self.body, self.is_complete = b"", False

    def __getitem__(self, name):
        return self.fields.get(name)


class AnswerReader:
    """Reads the answers on one connection in order."""

    def __init__(self, connection):
        self.connection, self.buffer, self.is_reset = connection, b"", False

    def answer(self, method):
        while True:
            answer = self.head()
            if answer.status >= 200:
                break
        coding, length = answer["transfer-encoding"], answer["content-length"]
        if coding and length:
            raise Malformed(f"Content-Length beside Transfer-Encoding: {answer.fields}")
        if method == "HEAD" or answer.status in (204, 304):
            answer.is_complete = True
        elif coding:
            self.chunks(answer)
        elif length is not None:
            answer.body = self.take(int(length))
            answer.is_complete = len(answer.body) == int(length)
        else:
            while self.fill():
                pass
            answer.body, self.buffer, answer.is_complete = self.buffer, b"", not self.is_reset
        return answer

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                if self.buffer:
                    raise Malformed(f"the connection ends in a head: {self.buffer[:200]!r}")
                raise Closed()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        if not lines[0].startswith(b"HTTP/1.1 ") or not lines[0][9:12].isdigit():
            raise Malformed(f"status line {lines[0][:200]!r}")
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name.strip() != name:
                raise Malformed(f"field line {line[:200]!r}")
            name = name.decode("latin-1").lower()
            fields[name] = fields[name] + b", " + value.strip() if name in fields else value.strip()
        return Answer(int(lines[0][9:12]), fields)

    def chunks(self, answer):
        parts = []
        while True:
            line = self.line()
            if line is None:
                break
            try:
                size = int(line, 16)
            except ValueError:
                raise Malformed(f"chunk size {line[:80]!r}") from None
            if size == 0:
                while line:
                    line = self.line()
                answer.is_complete = line == b""
                break
            part = self.take(size + 2)
            parts.append(part[:size])
            if len(part) < size + 2:
                break
            if part[size:] != b"\r\n":
                raise Malformed(f"a chunk ends with {part[size:]!r}")
        answer.body = b"".join(parts)

    def line(self):
        """The next line without its end; None where the connection ends first."""
        while b"\r\n" not in self.buffer:
            if not self.fill():
                return None
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def take(self, size):
        """That many bytes, or fewer where the connection ends first."""
        parts, missing = [], size
        while True:
            parts.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(parts[-1])
            if not missing or not self.fill():
                return b"".join(parts)

    def fill(self):
        try:
            received = self.connection.recv(65536)
        except ConnectionError:
            received, self.is_reset = b"", True
        self.buffer += received
        return bool(received)
