"""How a case of conformance is written: what a peer sends on a fresh connection, and what has to come of it.

An expectation reads what comes back. Where RFC 9113 asks for a stream error, a connection error with the same code will do
(§5.4), and for a malformed request a response of 400 (§8.1.1). After anything but a connection error the connection has to serve
the next request.
"""

from collections import namedtuple

from http2_peer import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, ACK, frame,
                        number, section)

Case = namedtuple("Case", "section sentence begin pieces expectation")

GET = [(":method", "GET"), (":scheme", "http"), (":path", "/size/100"), (":authority", "a.test")]
POST = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "a.test")]
WHOLE = END_HEADERS | END_STREAM
# Far from what a case uses, for the request that is to be served after it.
LATER = 0x10001


def case(section_number, sentence, expectation, *pieces, begin=()):
    """`begin` has the pairs of the first SETTINGS, or is None where a peer has its own beginning; pieces may be functions of the
    peer."""
    return Case(section_number, sentence, begin, pieces, expectation)


def request(stream, fields=None, flags=WHOLE, more=()):
    return frame(HEADERS, flags, stream, section([*(GET if fields is None else fields), *more]))


def without(name):
    return [pair for pair in GET if pair[0] != name]


def replaced(name, value):
    return [(name, value) if pair[0] == name else pair for pair in GET]


def post(stream, *more):
    """The head of a request with content."""
    return request(stream, POST, END_HEADERS, more)


def play(case, peer):
    """Raises AssertionError or TimeoutError if what comes of the case isn't what has to."""
    if case.begin is not None:
        peer.begin(*case.begin)
    for piece in case.pieces:
        if callable(piece):
            piece(peer)
        else:
            try:
                peer.send(piece)
            except OSError:
                break  # it has had enough already
    case.expectation(peer)


def connection_error(*codes):
    """GOAWAY with one of these codes, then the end."""

    def expectation(peer):
        seen = []
        while found := peer.read():
            if found.kind == GOAWAY and found.error != "NO_ERROR":
                assert found.error in codes, f"{found} instead of {' or '.join(codes)}"
                while peer.read():
                    pass
                return
            seen.append(str(found))
        raise AssertionError(f"the connection ended without GOAWAY({' or '.join(codes)}) after {', '.join(seen) or 'nothing'}")

    expectation.otherwise = f"a connection error of {' or '.join(codes)}"
    return expectation


def stream_error(*codes, stream=1, refused=False):
    """RST_STREAM with one of these codes; or, of a malformed request, a 400. The connection goes on."""

    def expectation(peer):
        ping(peer, b"behind it")
        statuses = {}
        while found := peer.read():
            if found.kind == GOAWAY and found.error in codes:
                return
            assert found.kind != GOAWAY, f"{found} instead of {' or '.join(codes)}"
            if found.kind == HEADERS:
                statuses[found.stream] = dict(peer.fields(found)).get(":status")
            if found.kind == HEADERS and found.stream == stream and refused and statuses[stream] in ("400", "431", "501"):
                break
            if found.kind == RST_STREAM and found.stream == stream:
                assert found.error in codes, f"{found} instead of {' or '.join(codes)}"
                break
            # A response that ends is no error yet: of a stream that was closed before, RST_STREAM may follow.
            assert not (refused and found.stream == stream and found.ends_stream), (
                f"a response of {statuses.get(stream)} instead of {' or '.join(codes)}")
        else:
            raise AssertionError(f"the connection ended instead of {' or '.join(codes)}")
        serves_next(peer)

    expectation.otherwise = f"a stream error of {' or '.join(codes)}"
    return expectation


def malformed(stream=1):
    return stream_error("PROTOCOL_ERROR", stream=stream, refused=True)


def response(status="200", stream=1, body=None, fields=None):
    """A whole response on that stream, and then another one."""

    def expectation(peer):
        check_response(peer, stream, status, body, fields)
        serves_next(peer)

    expectation.otherwise = f"a response of {status}"
    return expectation


def check_response(peer, stream, status, body=None, fields=None):
    received, head = b"", None
    while found := peer.read():
        assert found.kind != GOAWAY, f"{found} instead of a response"
        if found.kind == HEADERS:
            pairs = peer.fields(found)
            if found.stream == stream and not dict(pairs).get(":status", "").startswith("1"):
                head = head or dict(pairs)
        if found.stream != stream:
            continue
        assert found.kind != RST_STREAM, f"{found} instead of a response"
        if found.kind == DATA:
            received += found.payload
        if found.ends_stream:
            assert head and head[":status"] in status.split("|"), f"{head and head[':status']} instead of {status}"
            assert body is None or received == body, f"{received[:100]!r} instead of {body[:100]!r}"
            for name, value in (fields or {}).items():
                assert head.get(name) == value, f"{name}: {head.get(name)} instead of {value}"
            return
    raise AssertionError("the connection ended instead of a response")


def serves_next(peer):
    """A later request is served, which also shows that HPACK's tables of both sides still agree."""
    peer.send(request(LATER))
    check_response(peer, LATER, "200")


def goes_on(peer):
    """Whatever was sent has no consequence but that the next request is served."""
    serves_next(peer)


goes_on.otherwise = "nothing but the next response"


def ping(peer, data):
    """So that there is something to read behind what doesn't come."""
    try:
        peer.send(frame(PING, 0, 0, data[:8]))
    except OSError:
        pass


def await_response(stream, status="200"):
    """A piece: what came before has got its response."""
    return lambda peer: check_response(peer, stream, status)


def await_ack(peer):
    peer.await_frame(SETTINGS, lambda each: each.flags & ACK)


def open_window(stream, count):
    return frame(WINDOW_UPDATE, 0, stream, number(count))
