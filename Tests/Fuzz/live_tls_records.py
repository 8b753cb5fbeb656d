"""TLS records and handshake messages for live_tls, drawn from a generator: true ones that are changed, and such that never were."""

import ssl
import struct

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23


def record(kind, payload, version=0x0303, length=None):
    return struct.pack(">BHH", kind, version, (len(payload) if length is None else length) & 0xFFFF) + payload


def contexts():
    """Clients of many kinds. They believe anything: what they are shown isn't the question."""
    made = []
    for versions in ((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3),
                     (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        for protocols in ([], ["http/1.1"], ["h2", "http/1.1"], ["h2"], ["unknown"]):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version, context.maximum_version = versions
            if protocols:
                context.set_alpn_protocols(protocols)
            made.append(context)
    return made


CONTEXTS = contexts()


def context(draw):
    return draw.choice(CONTEXTS)


def split(sent):
    """The records of what a client sends."""
    found, place = [], 0
    while place + 5 <= len(sent):
        end = place + 5 + int.from_bytes(sent[place + 3:place + 5], "big")
        found.append(sent[place:end])
        place = end
    return found


def changed(draw, sent):
    """What a client sends, with a few of its records changed."""
    pieces = split(sent) or [b""]
    for _ in range(draw.choice([1, 1, 2, 5])):
        place = draw.randrange(len(pieces))
        piece = bytearray(pieces[place])
        choice = draw.randrange(11)
        if choice <= 2 and piece:
            for _ in range(draw.choice([1, 1, 4, 40])):
                piece[draw.randrange(len(piece))] = draw.randrange(256)
        elif choice == 3 and len(piece) > 6:
            # The payload changes its length, and the header follows it or doesn't.
            start = draw.randrange(5, len(piece))
            if draw.random() < 0.5:
                del piece[start:start + draw.randrange(1, 40)]
            else:
                piece[start:start] = draw.randbytes(draw.randrange(1, 400))
            if draw.random() < 0.7:
                piece[3:5] = struct.pack(">H", len(piece) - 5 & 0xFFFF)
        elif choice == 4 and len(piece) > 6:
            # The same message in records of a few bytes.
            size = draw.choice([1, 2, 7, 50])
            piece = bytearray(b"".join(record(piece[0], bytes(piece[start:start + size])) for start in range(5, len(piece), size)))
        elif choice == 5:
            pieces.insert(draw.randrange(len(pieces) + 1), one(draw))
            continue
        elif choice == 6:
            pieces.insert(place, bytes(piece))
        elif choice == 7:
            draw.shuffle(pieces)
            continue
        elif choice == 8 and len(pieces) > 1:
            del pieces[place]
            continue
        elif choice == 9 and len(piece) > 1:
            del piece[draw.randrange(1, len(piece)):]
        elif choice == 10:
            pieces += [one(draw) for _ in range(draw.choice([1, 3, 40]))]
            continue
        pieces[place] = bytes(piece)
    return b"".join(pieces)


def one(draw):
    """A record that nobody has asked for."""
    choice = draw.randrange(9)
    if choice == 0:
        return record(ALERT, bytes([draw.choice([1, 2, 3]), draw.choice([0, 0, 10, 20, 40, 90, 100, 255])]))
    if choice == 1:
        return record(CHANGE_CIPHER_SPEC, draw.choice([b"\1", b"", b"\1\1", b"\2"]))
    if choice == 2:
        return record(APPLICATION_DATA, draw.randbytes(draw.choice([0, 1, 16, 17, 16384, 16384 + 256, 16384 + 257, 18433])))
    if choice == 3:
        # Whole messages by their kinds (RFC 8446 §4): hello, key update, certificate, finished, request to renegotiate…
        body = draw.randbytes(draw.choice([0, 1, 4, 32, 300]))
        claimed = draw.choice([len(body)] * 3 + [0, 0xFFFFFF, len(body) + 1])
        kind = draw.choice([0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 16, 20, 24, 254])
        return record(HANDSHAKE, bytes([kind]) + struct.pack(">I", claimed)[1:] + body)
    if choice == 4:
        return record(draw.randrange(256), draw.randbytes(draw.randrange(40)), draw.choice([0, 0x0200, 0x0300, 0x0301, 0x0303, 0x0304, 0xFFFF]))
    if choice == 5:
        return record(draw.choice([HANDSHAKE, APPLICATION_DATA, ALERT]), b"", length=0)
    if choice == 6:
        return record(draw.choice([HANDSHAKE, APPLICATION_DATA]), draw.randbytes(100), length=draw.choice([0xFFFF, 20000, 101, 99]))
    if choice == 7:
        return record(24, b"\1\x40\0" + draw.randbytes(draw.randrange(20)))
    return record(APPLICATION_DATA, b"") * draw.choice([1, 40, 400])


def noise(draw):
    choice = draw.randrange(7)
    if choice == 0:
        return draw.randbytes(draw.randrange(1, 2000))
    if choice == 1:
        return b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    if choice == 2:
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)
    if choice == 3:
        return b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + hello(draw)
    if choice == 4:
        # SSL 2.0's hello.
        return b"\x80\x2e\x01\x00\x02" + draw.randbytes(43)
    return b"".join(one(draw) for _ in range(draw.choice([1, 2, 20])))


# --- ClientHello (RFC 8446 §4.1.2) --------------------------------------------------------------------------------------


def vector(data, size):
    return len(data).to_bytes(size, "big") + data


def extensions(draw):
    """Kinds and contents, as a client has them, and some that no client has."""
    names = [b"a.test", b"b.test", b"A.TEST.", b"", b"a" * 300, b"*.test", b"\0a.test", b"127.0.0.1", b"x." * 120, draw.randbytes(20)]
    name = draw.choice(names)
    listed = draw.choice([b"\2h2\x08http/1.1", b"\x08http/1.1", b"\2h2", b"\0", b"", b"\xffh2", b"\1x" * 500, b"\3abc"])
    shares = b"".join(struct.pack(">H", group) + vector(draw.randbytes(size), 2) for group, size in draw.choice([
        [(29, 32)], [(23, 65)], [(29, 32), (23, 65)], [(29, 31)], [(30, 56)], [(24, 97)], [(0x1234, 5)], [(29, 0)], [], [(29, 32)] * 20]))
    groups = draw.choice([[29, 23, 24], [23], [29], [256, 260], [0x1234], [], [29] * 200])
    return [
        (0, vector(b"\0" + vector(name, 2), 2)), (16, vector(listed, 2)), (51, vector(shares, 2)),
        (10, vector(b"".join(struct.pack(">H", group) for group in groups), 2)),
        (13, vector(b"\4\3\x08\4\4\1\5\3", 2)), (11, b"\1\0"), (23, b""), (0xFF01, draw.choice([b"\0", b"\x0c" + draw.randbytes(12)])),
        (43, vector(draw.choice([b"\3\4\3\3", b"\3\3", b"\3\4", b"\3\2", b"\x7f\x1c", b""]), 1)), (45, draw.choice([b"\1\1", b"\1\0", b"\2\0\1"])),
        (35, draw.randbytes(draw.choice([0, 0, 16, 192, 250, 2000]))), (42, b""), (5, b"\1\0\0\0\0"), (18, b""), (15, b"\1"),
        (41, vector(vector(draw.randbytes(draw.choice([16, 200])), 2) + draw.randbytes(4), 2) + vector(vector(draw.randbytes(32), 1), 2)),
    ]


def hello(draw, is_odd=False):
    """The message without its record."""
    parts = extensions(draw)
    chosen = [part for part in parts[:10] if draw.random() < 0.93] + [part for part in parts[10:] if draw.random() < 0.2]
    if is_odd:
        for _ in range(draw.choice([1, 1, 3])):
            choice, place = draw.randrange(5), draw.randrange(len(chosen) + 1)
            if choice == 0:
                chosen.insert(place, (draw.randrange(65536), draw.randbytes(draw.randrange(50))))
            elif choice == 1 and chosen:
                chosen.insert(place, draw.choice(chosen))
            elif choice == 2:
                draw.shuffle(chosen)
            elif chosen:
                place = draw.randrange(len(chosen))
                kind, data = chosen[place]
                cut = draw.randrange(len(data) + 1)
                chosen[place] = kind, draw.choice([data[:cut], data + draw.randbytes(3), data[:cut] + draw.randbytes(4) + data[cut:]])
    ciphers = draw.choice([b"\x13\1\x13\2\xc0\x2b\xc0\x2f", b"\xc0\x2b", b"\x13\1", b"\0\x2f", b"", b"\x13", b"\x56\0\x13\1", b"\0\xff" * 3000])
    body = struct.pack(">H", draw.choice([0x0303] * 8 + [0x0300, 0x0301, 0x0304, 0])) + draw.randbytes(32)
    body += vector(draw.randbytes(draw.choice([0, 32, 32, 33 if is_odd else 32])), 1) + vector(ciphers, 2) + draw.choice([b"\1\0"] * 5 + [b"\2\1\0", b"\0"])
    body += vector(b"".join(struct.pack(">H", kind) + vector(data, 2) for kind, data in chosen), 2)
    return b"\1" + vector(body, 3)


def changed_hello(draw):
    """A ClientHello that is odd in its parts, its lengths or its records."""
    message = bytearray(hello(draw, draw.random() < 0.7))
    if draw.random() < 0.3:
        message[draw.randrange(len(message))] = draw.randrange(256)
    size = draw.choice([16384, 16384, 16384, 500, 3, 1])
    pieces = [record(HANDSHAKE, bytes(message[start:start + size]), draw.choice([0x0301, 0x0303])) for start in range(0, len(message), size)]
    if draw.random() < 0.1:
        pieces.insert(draw.randrange(len(pieces) + 1), one(draw))
    if draw.random() < 0.1:
        pieces.append(pieces[0])
    return b"".join(pieces)
