"""RFC 9113 §§3–6: the preface, frames and their sizes, the states of streams, each kind of frame."""

from cases import (GET, POST, WHOLE, await_ack, await_response, case, check_response, connection_error, goes_on, open_window, ping, post,
                   request, response, serves_next, stream_error)
from http2_peer import (ACK, CONTINUATION, DATA, ENABLE_CONNECT_PROTOCOL, ENABLE_PUSH, END_HEADERS, END_STREAM, GOAWAY,
                        HEADER_TABLE_SIZE, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE,
                        PADDED, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY, frame, literal, number,
                        section, settings)

HEAD = section(GET)
CANCEL = number(8)


def cut(stream, first=8):
    """A field section whose rest is to come."""
    return frame(HEADERS, END_STREAM, stream, HEAD[:first])


def rest(stream, first=8, flags=END_HEADERS):
    return frame(CONTINUATION, flags, stream, HEAD[first:])


# --- what takes more than to send and to see ---------------------------------------------------------------------------


def acknowledges_settings(peer):
    peer.send(frame(SETTINGS, 0, 0, settings((MAX_CONCURRENT_STREAMS, 10))))
    found = peer.await_frame(SETTINGS)
    assert found and found.flags & ACK and not found.payload, str(found)
    serves_next(peer)


def ends_at_once(peer):
    """What isn't HTTP/2 gets GOAWAY or nothing, and no text that a client would take for a frame (§3.4)."""
    while found := peer.read():
        assert found.kind in (SETTINGS, WINDOW_UPDATE, GOAWAY), str(found)
    assert not peer.received, bytes(peer.received)


def answers_or_ends(peer):
    """After GOAWAY a connection without requests may go on, or end."""
    ping(peer, b"12345678")
    while (found := peer.read()) and found.kind != PING:
        assert found.kind != GOAWAY or found.error == "NO_ERROR", str(found)


def told_to_stop(peer):
    """A client that doesn't end its request after the response is told that the rest isn't wanted (§8.1)."""
    peer.send(request(1, flags=END_HEADERS))
    check_response(peer, 1, "200")
    found = peer.await_frame(RST_STREAM)
    assert found and found.error == "NO_ERROR", str(found)
    peer.send(frame(DATA, END_STREAM, 1, b"x"))
    serves_next(peer)


def answers_ping(peer):
    peer.send(frame(PING, 0, 0, b"opaque!!"))
    found = peer.await_frame(PING)
    assert found and found.flags & ACK and found.payload == b"opaque!!", str(found)


def leaves_ping_ack(peer):
    peer.send(frame(PING, ACK, 0, b"not-this"), frame(PING, 0, 0, b"but-this"))
    found = peer.await_frame(PING)
    assert found and found.payload == b"but-this", str(found)


def data_until_ping(peer, stream=1):
    """Bytes of that stream that come before the answer to a PING, which goes ahead of nothing that could be sent."""
    ping(peer, b"12345678")
    count = 0
    while (found := peer.read()) and not (found.kind == PING and found.flags & ACK):
        assert found.kind not in (GOAWAY, RST_STREAM), str(found)
        if found.kind == HEADERS:
            peer.fields(found)
        if found.kind == DATA and found.stream == stream:
            count += len(found.payload)
    return count


def total(peer, count, most):
    """DATA of the stream until so many bytes have come, and no more than that in one frame."""
    received = 0
    while received < count and (found := peer.read()):
        assert found.kind not in (GOAWAY, RST_STREAM), str(found)
        if found.kind == HEADERS:
            peer.fields(found)
        if found.kind == DATA:
            assert len(found.payload) <= most, f"{found} with a window of {most}"
            received += len(found.payload)
    assert received == count, f"{received} bytes instead of {count}"
    extra = data_until_ping(peer)
    assert extra == 0, f"{extra} bytes more than the window has"


def large(stream=1, size=1_000_000):
    """A request whose response doesn't fit into the window of its stream, so that the stream stays open."""
    return request(stream, [(name, f"/size/{size}" if name == ":path" else value) for name, value in GET])


def refused_upload(stream):
    """A malformed request, whose stream is reset before its content comes."""
    return request(stream, POST, END_HEADERS, [("upgrade", "x")])


def await_ping(peer):
    """A piece: what came before was read."""
    ping(peer, b"pieces!!")
    peer.await_frame(PING)


def busy(stream=1):
    """The same, and it doesn't take the window of the connection from others."""
    return open_window(0, 1 << 24) + large(stream)


def keeps_to_window(peer):
    peer.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1))))
    await_ack(peer)
    peer.send(request(1))
    total(peer, 1, 1)
    peer.send(open_window(1, 9))
    total(peer, 9, 9)
    peer.send(open_window(1, 90))
    check_response_rest(peer, 90)


def check_response_rest(peer, count):
    received = 0
    while found := peer.read():
        if found.kind == DATA and found.stream == 1:
            received += len(found.payload)
            if found.ends_stream:
                break
    assert received == count, f"{received} bytes instead of {count}"


def keeps_to_connection_window(peer):
    peer.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1 << 20))))
    await_ack(peer)
    peer.send(large())
    total(peer, 65535, 16384)
    peer.send(open_window(0, 1000))
    total(peer, 1000, 1000)


def follows_smaller_window(peer):
    """The window of a stream may become negative (§6.9.2)."""
    peer.send(large())
    total(peer, 65535, 16384)
    peer.send(open_window(0, 1 << 20), frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 5535))))
    await_ack(peer)
    peer.send(open_window(1, 60000))
    assert data_until_ping(peer) == 0, "more than a negative window has"
    peer.send(open_window(1, 10))
    total(peer, 10, 10)


def follows_larger_window(peer):
    peer.send(large())
    total(peer, 65535, 16384)
    peer.send(open_window(0, 1 << 20), frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 65535 + 100))))
    total(peer, 100, 100)


def keeps_to_frame_size(peer):
    peer.send(open_window(0, 1 << 24), frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1 << 24), (MAX_FRAME_SIZE, 16384))))
    await_ack(peer)
    peer.send(large())
    total(peer, 1_000_000, 16384)


def last_value_holds(peer):
    peer.send(frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 1000), (INITIAL_WINDOW_SIZE, 1))), request(1))
    total(peer, 1, 1)


def finishes_after_goaway(peer):
    peer.send(post(1), frame(GOAWAY, 0, 0, number(0) + number(0)), frame(DATA, END_STREAM, 1, b"abc"))
    check_response(peer, 1, "200", b"abc")


def too_many(peer):
    """129 requests at once, of which 128 are allowed by default: a stream error, which may be one of the connection (§5.4)."""
    peer.send(*(post(stream) for stream in range(1, 259, 2)))
    while (found := peer.read()) and found.kind not in (RST_STREAM, GOAWAY):
        pass
    assert found and found.error in ("REFUSED_STREAM", "PROTOCOL_ERROR"), str(found)
    if found.kind == GOAWAY:
        return
    assert found.stream == 257, str(found)
    peer.send(frame(DATA, END_STREAM, 1, b"1"))
    check_response(peer, 1, "200", b"1")


def window_of_content(peer):
    """More content than both windows have, with padding, is taken as windows open."""
    peer.send(post(1))
    sent, window = 0, 65535
    piece = b"\x3f" + b"y" * 1000 + bytes(63)
    while sent < 300:
        if min(window, peer.window) >= len(piece):
            peer.send(frame(DATA, PADDED, 1, piece))
            sent, window = sent + 1, window - len(piece)
            peer.window -= len(piece)
            continue
        found = peer.read()
        assert found and found.kind not in (GOAWAY, RST_STREAM), str(found)
        if found.kind == WINDOW_UPDATE and found.stream == 1:
            window += int.from_bytes(found.payload, "big")
    peer.send(frame(DATA, END_STREAM, 1), open_window(0, 1 << 20), open_window(1, 1 << 20))
    check_response(peer, 1, "200", b"y" * 300_000)


for piece, sentence in (
    (acknowledges_settings, "an acknowledgement"), (answers_ping, "the same bytes"), (leaves_ping_ack, "no answer to an answer"),
    (keeps_to_window, "no more than the window"), (keeps_to_connection_window, "no more than the window"),
    (follows_smaller_window, "no more than the window"), (follows_larger_window, "as much as the window"),
    (keeps_to_frame_size, "frames of at most 16,384"), (last_value_holds, "the last value"),
    (ends_at_once, "the end of the connection"), (answers_or_ends, "PING, or the end of the connection"),
    (told_to_stop, "NO_ERROR"), (finishes_after_goaway, "the response"), (too_many, "REFUSED_STREAM"), (window_of_content, "the content")):
    piece.otherwise = sentence

PROTOCOL, SIZE, CLOSED = "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "STREAM_CLOSED"
FLOW = "FLOW_CONTROL_ERROR"

ALL_SETTINGS = settings((HEADER_TABLE_SIZE, 4096), (ENABLE_PUSH, 1), (MAX_CONCURRENT_STREAMS, 100), (INITIAL_WINDOW_SIZE, 65535),
                        (MAX_FRAME_SIZE, 16384), (MAX_HEADER_LIST_SIZE, 100))
NOTHING_BUT_PRIORITY = number(0) + b"\xff"
LARGE_FIELD = literal(b"x-large", b"y" * 4000)

CASES = [
    # The preface
    case("3.4", "What is neither HTTP/1 nor the preface", ends_at_once, b"INVALID CONNECTION PREFACE\r\n\r\n", begin=None),
    case("3.4", "What is no text at all", ends_at_once, bytes(range(14, 255)) + b"\r\n\r\n", begin=None),
    # Frames
    case("4.1", "A frame of an unknown kind is ignored", goes_on, frame(0x99, 0xFF, 0, b"whatever"), frame(0x77, 0, 1, b"x")),
    case("4.1", "An unknown flag is ignored", response(), frame(HEADERS, WHOLE | 0x50, 1, HEAD)),
    case("4.1", "Unknown flags of a PING, and the reserved bit, are ignored", answers_ping, frame(PING, 0x16, 0x80000000, b"87654321"),
         lambda peer: peer.await_frame(PING)),
    case("4.1", "The reserved bit of the identifier is ignored", response(),
         frame(HEADERS, WHOLE, 1 | 0x80000000, HEAD)),
    case("4.2", "DATA of 16,384 bytes is taken", response(body=b"z" * 16384), post(1), frame(DATA, END_STREAM, 1, b"z" * 16384)),
    case("4.2", "DATA of 16,385 bytes", stream_error(SIZE), post(1), frame(DATA, END_STREAM, 1, b"z" * 16385)),
    case("4.2", "HEADERS of more than 16,384 bytes", connection_error(SIZE),
         frame(HEADERS, WHOLE, 1, HEAD + section([("x", "y" * 16384)]))),
    case("4.2", "SETTINGS of more than 16,384 bytes", connection_error(SIZE), frame(SETTINGS, 0, 0, settings((99, 1)) * 2731)),
    case("4.2", "An unknown kind of more than 16,384 bytes", connection_error(SIZE), frame(0x99, 0, 0, b"z" * 16385)),
    case("4.3", "A field section in pieces", response(), cut(1), rest(1)),
    case("4.3", "A field section in pieces of a byte", response(), frame(HEADERS, END_STREAM, 1, HEAD[:-20]),
         *(frame(CONTINUATION, END_HEADERS if place == 19 else 0, 1, HEAD[len(HEAD) - 20 + place:len(HEAD) - 19 + place])
           for place in range(20))),
    case("4.3", "PRIORITY in a field section", connection_error(PROTOCOL), cut(1), frame(PRIORITY, 0, 1, number(0) + b"\0"), rest(1)),
    case("4.3", "HEADERS of another stream in a field section", connection_error(PROTOCOL), cut(1), request(3), rest(1)),
    case("4.3", "DATA in a field section", connection_error(PROTOCOL), cut(1), frame(DATA, 0, 1, b"x"), rest(1)),
    case("4.3", "A PING in a field section", connection_error(PROTOCOL), cut(1), frame(PING, 0, 0, b"12345678"), rest(1)),
    case("4.3", "CONTINUATION of another stream in a field section", connection_error(PROTOCOL), cut(1), rest(3)),
    case("4.3", "A field section that can't be decoded", connection_error("COMPRESSION_ERROR"),
         frame(HEADERS, WHOLE, 1, HEAD + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")),
    case("4.3", "A field section that ends in the middle of a field", connection_error("COMPRESSION_ERROR"),
         frame(HEADERS, WHOLE, 1, HEAD[:-3])),
    case("5.5", "A frame of an unknown kind in a field section", connection_error(PROTOCOL), cut(1), frame(0x99, 0, 1, b"x"), rest(1)),
    # States of streams
    case("5.1", "DATA on an idle stream", connection_error(PROTOCOL, CLOSED), frame(DATA, END_STREAM, 1, b"x")),
    case("5.1", "RST_STREAM on an idle stream", connection_error(PROTOCOL), frame(RST_STREAM, 0, 1, CANCEL)),
    case("5.1", "WINDOW_UPDATE on an idle stream", connection_error(PROTOCOL), open_window(1, 10)),
    case("5.1", "CONTINUATION on an idle stream", connection_error(PROTOCOL), rest(1)),
    case("5.1", "PRIORITY on an idle stream", goes_on, frame(PRIORITY, 0, 1, number(0) + b"\x10")),
    case("5.1", "DATA on a stream that the client has ended", stream_error(CLOSED), busy(), frame(DATA, END_STREAM, 1, b"x")),
    case("5.1", "HEADERS on a stream that the client has ended", stream_error(CLOSED), busy(), request(1)),
    case("5.1", "CONTINUATION on a stream that the client has ended", connection_error(PROTOCOL, CLOSED), busy(), rest(1)),
    case("5.1", "WINDOW_UPDATE, PRIORITY and RST_STREAM on a stream that the client has ended", goes_on, busy(),
         open_window(1, 10), frame(PRIORITY, 0, 1, number(0) + b"\x10"), frame(RST_STREAM, 0, 1, CANCEL)),
    case("5.1", "DATA on a closed stream", stream_error(CLOSED), request(1), await_response(1), frame(DATA, END_STREAM, 1, b"x")),
    case("5.1", "HEADERS on a closed stream", connection_error(CLOSED, PROTOCOL), request(1), await_response(1), request(1)),
    case("5.1", "CONTINUATION on a closed stream", connection_error(PROTOCOL, CLOSED), request(1), await_response(1), rest(1)),
    case("5.1", "WINDOW_UPDATE, PRIORITY and RST_STREAM on a closed stream", goes_on, request(1), await_response(1),
         open_window(1, 10), frame(PRIORITY, 0, 1, number(0) + b"\x10"), frame(RST_STREAM, 0, 1, CANCEL)),
    case("5.1", "DATA on a stream that the client has reset", stream_error(CLOSED), post(1), frame(RST_STREAM, 0, 1, CANCEL),
         frame(DATA, END_STREAM, 1, b"x")),
    case("5.1", "HEADERS on a stream that the client has reset", stream_error(CLOSED, PROTOCOL), post(1),
         frame(RST_STREAM, 0, 1, CANCEL), request(1)),
    case("5.1", "CONTINUATION on a stream that the client has reset", connection_error(PROTOCOL, CLOSED), post(1),
         frame(RST_STREAM, 0, 1, CANCEL), rest(1)),
    case("5.1", "DATA on a stream that both sides have reset", connection_error(CLOSED), refused_upload(1), frame(RST_STREAM, 0, 1, CANCEL),
         await_ping, frame(DATA, END_STREAM, 1, b"x")),
    case("5.1", "HEADERS on a stream that both sides have reset", connection_error(CLOSED), refused_upload(1),
         frame(RST_STREAM, 0, 1, CANCEL), await_ping, request(1)),
    case("5.1.1", "A stream with an even identifier", connection_error(PROTOCOL), request(2)),
    case("5.1.1", "HEADERS on stream 0", connection_error(PROTOCOL), request(0)),
    case("5.1.1", "An identifier below that of the stream before", connection_error(PROTOCOL, CLOSED), request(5), request(3)),
    case("5.1.1", "DATA on a stream that was passed over", stream_error(CLOSED, PROTOCOL, stream=3), request(5),
         await_response(5), frame(DATA, END_STREAM, 3, b"x")),
    case("5.1.1", "Identifiers may be left out", response(stream=7), request(3), await_response(3), request(7)),
    case("5.1.2", "More requests at once than were allowed", too_many),
    case("5.4.1", "After a connection error the connection ends", connection_error(SIZE), frame(PING, 0, 0, b"1")),
    # DATA
    case("6.1", "DATA on stream 0", connection_error(PROTOCOL), frame(DATA, 0, 0, b"x")),
    case("6.1", "Padding of DATA isn't content", response(body=b"abc"), post(1), frame(DATA, PADDED | END_STREAM, 1, b"\5abc\0\0\0\0\0")),
    case("6.1", "DATA with as much padding as payload", connection_error(PROTOCOL), post(1),
         frame(DATA, PADDED | END_STREAM, 1, b"\x06abcde")),
    case("6.1", "DATA with padding and without its length", connection_error(PROTOCOL, SIZE), post(1),
         frame(DATA, PADDED | END_STREAM, 1, b"")),
    case("6.1", "DATA of nothing but padding", response(body=b""), post(1), frame(DATA, PADDED | END_STREAM, 1, b"\x04\0\0\0\0")),
    # HEADERS
    case("6.2", "Padding of HEADERS", response(), frame(HEADERS, WHOLE | PADDED, 1, b"\x09" + HEAD + bytes(9))),
    case("6.2", "HEADERS with a priority", response(), frame(HEADERS, WHOLE | WITH_PRIORITY, 1, number(0) + b"\x0f" + HEAD)),
    case("6.2", "HEADERS with padding and a priority", response(),
         frame(HEADERS, WHOLE | WITH_PRIORITY | PADDED, 1, b"\x03" + number(0) + b"\x0f" + HEAD + bytes(3))),
    case("6.2", "HEADERS with more padding than payload", connection_error(PROTOCOL),
         frame(HEADERS, WHOLE | PADDED, 1, bytes([len(HEAD) + 1]) + HEAD)),
    case("6.2", "HEADERS too short for its priority", connection_error(SIZE, PROTOCOL), frame(HEADERS, WHOLE | WITH_PRIORITY, 1, b"\0\0\0")),
    case("6.2", "HEADERS too short for the length of its padding", connection_error(SIZE, PROTOCOL), frame(HEADERS, WHOLE | PADDED, 1)),
    # PRIORITY
    case("6.3", "PRIORITY on stream 0", connection_error(PROTOCOL), frame(PRIORITY, 0, 0, number(0) + b"\x10")),
    case("6.3", "PRIORITY of 4 bytes", stream_error(SIZE), post(1), frame(PRIORITY, 0, 1, number(0))),
    case("6.3", "PRIORITY of 6 bytes", stream_error(SIZE), post(1), frame(PRIORITY, 0, 1, number(0) + b"\x10\x10")),
    case("5.3", "PRIORITY of a stream that depends on itself (RFC 7540 §5.3.1)", stream_error(PROTOCOL), post(1),
         frame(PRIORITY, 0, 1, number(1) + b"\x10")),
    case("5.3", "HEADERS of a stream that depends on itself (RFC 7540 §5.3.1)", stream_error(PROTOCOL),
         frame(HEADERS, WHOLE | WITH_PRIORITY, 1, number(1) + b"\x0f" + HEAD)),
    case("5.3", "PRIORITY of a stream to come, and a request on a lower one", response(), frame(PRIORITY, 0, 3, NOTHING_BUT_PRIORITY),
         frame(PRIORITY, 0, 5, number(1) + b"\0"), frame(PRIORITY, 0, 1, number(0x80000000) + b"\0"), request(1)),
    case("5.3", "PRIORITY between a request and its response", goes_on, request(1), frame(PRIORITY, 0, 1, NOTHING_BUT_PRIORITY),
         open_window(1, 100), await_response(1), frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 65535))), begin=((INITIAL_WINDOW_SIZE, 0),)),
    # RST_STREAM
    case("6.4", "RST_STREAM on stream 0", connection_error(PROTOCOL), frame(RST_STREAM, 0, 0, CANCEL)),
    case("6.4", "RST_STREAM of 3 bytes", connection_error(SIZE), post(1), frame(RST_STREAM, 0, 1, CANCEL[:3])),
    case("6.4", "RST_STREAM of 5 bytes", connection_error(SIZE), post(1), frame(RST_STREAM, 0, 1, CANCEL + b"\0")),
    case("7", "RST_STREAM with an unknown code", goes_on, post(1), frame(RST_STREAM, 0, 1, number(0xFEDC))),
    # SETTINGS
    case("6.5", "SETTINGS are acknowledged", acknowledges_settings),
    case("6.5", "SETTINGS that acknowledge and have content", connection_error(SIZE), frame(SETTINGS, ACK, 0, settings((1, 1)))),
    case("6.5", "SETTINGS on a stream", connection_error(PROTOCOL), frame(SETTINGS, 0, 1, settings((3, 1)))),
    case("6.5", "SETTINGS of 3 bytes", connection_error(SIZE), frame(SETTINGS, 0, 0, b"\0\3\0")),
    case("6.5", "SETTINGS of 7 bytes", connection_error(SIZE), frame(SETTINGS, 0, 0, settings((3, 1)) + b"\0")),
    case("6.5", "SETTINGS of nothing", acknowledges_settings, frame(SETTINGS, 0, 0), await_ack),
    case("6.5.2", "All settings of RFC 9113 at once", acknowledges_settings, frame(SETTINGS, 0, 0, ALL_SETTINGS), await_ack),
    case("6.5.2", "ENABLE_PUSH of 2", connection_error(PROTOCOL), frame(SETTINGS, 0, 0, settings((ENABLE_PUSH, 2)))),
    case("6.5.2", "ENABLE_PUSH of 0 and 1", goes_on, frame(SETTINGS, 0, 0, settings((ENABLE_PUSH, 0), (ENABLE_PUSH, 1)))),
    case("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", connection_error(FLOW),
         frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0x80000000)))),
    case("6.5.2", "INITIAL_WINDOW_SIZE of 2^31-1", goes_on, frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 0x7FFFFFFF)))),
    case("6.5.2", "MAX_FRAME_SIZE of 16,383", connection_error(PROTOCOL), frame(SETTINGS, 0, 0, settings((MAX_FRAME_SIZE, 16383)))),
    case("6.5.2", "MAX_FRAME_SIZE of 2^24", connection_error(PROTOCOL), frame(SETTINGS, 0, 0, settings((MAX_FRAME_SIZE, 1 << 24)))),
    case("6.5.2", "MAX_FRAME_SIZE of 2^24-1", goes_on, frame(SETTINGS, 0, 0, settings((MAX_FRAME_SIZE, (1 << 24) - 1)))),
    case("6.5.2", "An unknown setting is ignored", goes_on, frame(SETTINGS, 0, 0, settings((0xABC, 7), (0xFFFF, 0xFFFFFFFF)))),
    case("6.5.2", "HEADER_TABLE_SIZE of 0, then of 2^32-1", goes_on, frame(SETTINGS, 0, 0, settings((HEADER_TABLE_SIZE, 0))),
         request(1), await_response(1), frame(SETTINGS, 0, 0, settings((HEADER_TABLE_SIZE, 0xFFFFFFFF)))),
    case("6.5.2", "MAX_CONCURRENT_STREAMS of 0 concerns pushes alone", goes_on,
         frame(SETTINGS, 0, 0, settings((MAX_CONCURRENT_STREAMS, 0)))),
    case("6.5.2", "ENABLE_CONNECT_PROTOCOL of 2 (RFC 8441 §3)", connection_error(PROTOCOL),
         frame(SETTINGS, 0, 0, settings((ENABLE_CONNECT_PROTOCOL, 2)))),
    case("6.5.3", "Of a setting that is there twice, the last one holds", last_value_holds),
    # PUSH_PROMISE, PING, GOAWAY
    case("6.6", "PUSH_PROMISE of a client", connection_error(PROTOCOL), post(1), frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + HEAD)),
    case("6.7", "A PING is answered", answers_ping),
    case("6.7", "The answer to a PING isn't answered", leaves_ping_ack),
    case("6.7", "A PING on a stream", connection_error(PROTOCOL), frame(PING, 0, 1, b"12345678")),
    case("6.7", "A PING of 7 bytes", connection_error(SIZE), frame(PING, 0, 0, b"1234567")),
    case("6.7", "A PING of 9 bytes", connection_error(SIZE), frame(PING, 0, 0, b"123456789")),
    case("6.8", "GOAWAY on a stream", connection_error(PROTOCOL), frame(GOAWAY, 0, 1, number(0) + number(0))),
    case("6.8", "GOAWAY of 7 bytes", connection_error(SIZE), frame(GOAWAY, 0, 0, bytes(7))),
    case("6.8", "After a client's GOAWAY its requests go on", finishes_after_goaway),
    case("7", "GOAWAY with an unknown code", answers_or_ends, frame(GOAWAY, 0, 0, number(0) + number(0xFEDC) + b"bye")),
    case("8.1", "A client that goes on with a request after its response", told_to_stop),
    # WINDOW_UPDATE
    case("6.9", "WINDOW_UPDATE of 0 for the connection", connection_error(PROTOCOL), open_window(0, 0)),
    case("6.9", "WINDOW_UPDATE of 0 for a stream", stream_error(PROTOCOL), post(1), open_window(1, 0)),
    case("6.9", "WINDOW_UPDATE of 0 for a closed stream", connection_error(PROTOCOL), request(1), await_response(1), open_window(1, 0)),
    case("6.9", "WINDOW_UPDATE lets a response go on that has none", goes_on, request(1), open_window(1, 100),
         await_response(1), frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 65535))), begin=((INITIAL_WINDOW_SIZE, 0),)),
    case("6.9", "WINDOW_UPDATE of 3 bytes", connection_error(SIZE), frame(WINDOW_UPDATE, 0, 0, b"\0\0\1")),
    case("6.9", "WINDOW_UPDATE of 5 bytes for a stream", connection_error(SIZE), post(1), frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\0\1")),
    case("6.9", "The reserved bit of an increment is ignored", goes_on, frame(WINDOW_UPDATE, 0, 0, number(0x80000001))),
    case("6.9.1", "No more DATA than the window of the stream has", keeps_to_window),
    case("6.9.1", "No more DATA than the window of the connection has", keeps_to_connection_window),
    case("6.9.1", "The window of the connection above 2^31-1", connection_error(FLOW), open_window(0, 0x7FFFFFFF), open_window(0, 0x7FFFFFFF)),
    case("6.9.1", "The window of a stream above 2^31-1", stream_error(FLOW), post(1), open_window(1, 0x7FFFFFFF), open_window(1, 0x7FFFFFFF)),
    case("6.9.1", "Padding counts in windows, and they open for it", window_of_content),
    case("6.9.2", "A window that becomes negative", follows_smaller_window),
    case("6.9.2", "A window that grows by SETTINGS", follows_larger_window),
    case("6.9.2", "SETTINGS that take a window above 2^31-1", connection_error(FLOW), post(1), open_window(1, 0x7FFFFFFF - 65535),
         frame(SETTINGS, 0, 0, settings((INITIAL_WINDOW_SIZE, 65536)))),
    case("4.2", "No frame is larger than the client takes", keeps_to_frame_size),
    # CONTINUATION
    case("6.10", "CONTINUATION on stream 0", connection_error(PROTOCOL), cut(1), rest(0)),
    case("6.10", "CONTINUATION after a field section that has ended", connection_error(PROTOCOL, CLOSED), request(1), rest(1)),
    case("6.10", "CONTINUATION after CONTINUATION that has ended it", connection_error(PROTOCOL, CLOSED), cut(1), rest(1), rest(1)),
    case("6.10", "CONTINUATION after DATA", connection_error(PROTOCOL), post(1), frame(DATA, 0, 1, b"x"), rest(1)),
    case("6.10", "DATA after CONTINUATION that doesn't end the section", connection_error(PROTOCOL), cut(1), rest(1, flags=0),
         frame(DATA, END_STREAM, 1, b"test")),
    case("6.10", "CONTINUATION with large fields", response(), frame(HEADERS, END_STREAM, 1, HEAD), frame(CONTINUATION, 0, 1, LARGE_FIELD),
         frame(CONTINUATION, END_HEADERS, 1, LARGE_FIELD)),
    case("6.10", "CONTINUATION of nothing", response(), cut(1), frame(CONTINUATION, 0, 1), frame(CONTINUATION, 0, 1), rest(1)),
]
