"""RFC 9113 §8: requests and responses, malformed ones above all; RFC 8441 and RFC 9110 where they are HTTP/2's affair."""

from cases import (GET, POST, WHOLE, await_response, case, check_response, connection_error, goes_on, malformed, ping, post, replaced,
                   request, response, serves_next, stream_error, without)
from http2_peer import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame, number, section)

TRAILERS = section([("x-sum", "1")])


def trailers(stream, fields, flags=WHOLE):
    return frame(HEADERS, flags, stream, section(fields))


def content(stream, data, flags=END_STREAM):
    return frame(DATA, flags, stream, data)


def with_field(name, value):
    return request(1, more=[(name, value)])


def head_has_no_content(peer):
    """A response to HEAD ends with its HEADERS, and has the length of what GET has."""
    peer.send(request(1, replaced(":method", "HEAD")))
    found = peer.await_frame(HEADERS, lambda each: each.stream == 1)
    fields = dict(peer.fields(found))
    assert found.ends_stream and fields[":status"] == "200" and fields["content-length"] == "100", (str(found), fields)
    serves_next(peer)


def no_connection_fields(peer):
    """Responses have no fields of the connection, no uppercase, pseudo-fields first, and no other one than :status."""
    for stream, path in ((1, "/size/100"), (3, "/size/0"), (5, "/no/%00/such")):
        peer.send(request(stream, replaced(":path", path)))
        found = peer.await_frame(HEADERS, lambda each: each.stream == stream)
        fields = peer.fields(found)
        names = [name for name, _ in fields]
        forbidden = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
        assert names[0] == ":status" and not any(name.startswith(":") for name in names[1:]), names
        assert not forbidden & set(names) and all(name == name.lower() for name in names), names


def expects_continue(peer):
    """100 (Continue) comes as HEADERS that don't end the stream, before the response."""
    peer.send(post(1, ("expect", "100-continue"), ("content-length", "3")))
    found = peer.await_frame(HEADERS)
    assert found and not found.ends_stream and dict(peer.fields(found))[":status"] == "100", str(found)
    peer.send(content(1, b"abc"))
    check_response(peer, 1, "200", b"abc")


def cancelled_without_harm(peer):
    """A hundred requests, every other one cancelled: the others get their responses."""
    for stream in range(1, 201, 2):
        peer.send(post(stream))
    for stream in range(1, 201, 4):
        peer.send(frame(RST_STREAM, 0, stream, number(8)))
    waiting = set(range(3, 201, 4))
    peer.send(*(content(stream, b"x") for stream in sorted(waiting)))
    while waiting and (found := peer.read()):
        assert found.kind != GOAWAY and (found.kind != RST_STREAM or found.stream not in waiting), str(found)
        if found.kind == HEADERS:
            peer.fields(found)
        if found.ends_stream:
            waiting.discard(found.stream)
    assert not waiting, f"without a response: {waiting}"


def refused_content(peer):
    """A response that needs no content may come before its end; then the client may stop (§8.1: RST_STREAM with NO_ERROR)."""
    peer.send(post(1, ("content-length", "5000000000")))
    found = peer.await_frame(HEADERS, lambda each: each.stream == 1)
    assert found and dict(peer.fields(found))[":status"] == "413", str(found)
    while not found.ends_stream and found.kind != RST_STREAM:
        found = peer.read()
        assert found and found.kind != GOAWAY, str(found)
    ping(peer, b"12345678")
    serves_next(peer)


for piece, sentence in (
    (head_has_no_content, "a head alone"), (no_connection_fields, "no such fields"), (expects_continue, "100, then the response"),
    (cancelled_without_harm, "the responses to the others"), (refused_content, "413")):
    piece.otherwise = sentence

CASES = [
    # §8.1: message framing
    case("8.1", "A request without content", response(body=b"x" * 100), request(1)),
    case("8.1", "A request with content in pieces", response(body=b"abcdef"), post(1), content(1, b"abc", 0), content(1, b"", 0),
         content(1, b"def", 0), content(1, b"")),
    case("8.1", "A request with trailers", response(body=b"abc"), post(1), content(1, b"abc", 0), trailers(1, [("x-sum", "1")])),
    case("8.1", "Trailers that were announced", response(body=b"abc"), post(1, ("trailer", "x-sum")), content(1, b"abc", 0),
         trailers(1, [("x-sum", "1")])),
    case("8.1", "Trailers in pieces", response(body=b"abc"), post(1), content(1, b"abc", 0),
         frame(HEADERS, END_STREAM, 1, TRAILERS[:3]), frame(CONTINUATION, END_HEADERS, 1, TRAILERS[3:])),
    case("8.1", "A second field section that doesn't end the stream", malformed(), post(1), content(1, b"abc", 0),
         trailers(1, [("x-sum", "1")], END_HEADERS)),
    case("8.1", "A second field section at once that doesn't end the stream", malformed(), post(1),
         trailers(1, [("x-sum", "1")], END_HEADERS)),
    case("8.1", "A pseudo-field in trailers", malformed(), post(1), content(1, b"abc", 0), trailers(1, [(":path", "/other")])),
    case("8.1", "An unknown pseudo-field in trailers", malformed(), post(1), content(1, b"abc", 0), trailers(1, [(":x", "1")])),
    case("8.1", "transfer-encoding in trailers", malformed(), post(1), content(1, b"abc", 0),
         trailers(1, [("transfer-encoding", "chunked")])),
    case("8.1", "content-length in trailers", malformed(), post(1), content(1, b"abc", 0), trailers(1, [("content-length", "5")])),
    case("8.1", "connection in trailers", malformed(), post(1), content(1, b"abc", 0), trailers(1, [("connection", "close")])),
    case("8.1", "A line feed in trailers", malformed(), post(1), content(1, b"abc", 0), trailers(1, [("x", "a\nb: c")])),
    case("8.1", "HEAD", head_has_no_content),
    case("8.1", "A response that comes before the content has ended", refused_content),
    case("8.1", "What is cancelled concerns no other stream", cancelled_without_harm),
    case("9110 10.1.1", "Expect: 100-continue", expects_continue),
    # §8.1.1: content-length
    case("8.1.1", "Content as long as content-length", response(body=b"abc"), post(1, ("content-length", "3")), content(1, b"abc")),
    case("8.1.1", "Less content than content-length", malformed(), post(1, ("content-length", "4")), content(1, b"abc")),
    case("8.1.1", "More content than content-length", malformed(), post(1, ("content-length", "2")), content(1, b"abc")),
    case("8.1.1", "More content than content-length, in two frames", malformed(), post(1, ("content-length", "2")),
         content(1, b"ab", 0), content(1, b"c")),
    case("8.1.1", "content-length and no content", malformed(), request(1, POST, WHOLE, [("content-length", "1")])),
    case("8.1.1", "content-length of 0 and no content", response(body=b""), request(1, POST, WHOLE, [("content-length", "0")])),
    case("8.1.1", "content-length and less content before trailers", malformed(), post(1, ("content-length", "4")), content(1, b"abc", 0),
         trailers(1, [("x-sum", "1")])),
    case("8.1.1", "Two lengths", malformed(), post(1, ("content-length", "3"), ("content-length", "4")), content(1, b"abc")),
    case("8.1.1", "A length that is no number", malformed(), post(1, ("content-length", "+3")), content(1, b"abc")),
    case("8.1.1", "A length beyond all numbers", malformed(), post(1, ("content-length", "99999999999999999999999")), content(1, b"abc")),
    # §8.2: fields
    case("8.2", "An uppercase letter in a name", malformed(), with_field("X-upper", "1")),
    case("8.2.1", "A blank in a name", malformed(), with_field("x y", "1")),
    case("8.2.1", "A colon in a name", malformed(), with_field("x:y", "1")),
    case("8.2.1", "A line feed in a name", malformed(), with_field("x\ny", "1")),
    case("8.2.1", "A byte above 0x7e in a name", malformed(), with_field(b"x\xe9", "1")),
    case("8.2.1", "0x7f in a name", malformed(), with_field(b"x\x7f", "1")),
    case("8.2.1", "0x00 in a name", malformed(), with_field(b"x\0", "1")),
    case("8.2.1", "A name of nothing", malformed(), with_field("", "1")),
    case("8.2.1", "0x00 in a value", malformed(), with_field("x", b"a\0b")),
    case("8.2.1", "A line feed in a value", malformed(), with_field("x", b"a\nhost: evil")),
    case("8.2.1", "A carriage return in a value", malformed(), with_field("x", b"a\rb")),
    case("8.2.1", "A value of nothing", response(), with_field("x", "")),
    case("8.2.1", "A value that begins with a blank", malformed(), with_field("x", " a")),
    case("8.2.1", "A value that ends with a tab", malformed(), with_field("x", "a\t")),
    case("8.2.1", "A blank before a pseudo-field's value", malformed(), request(1, replaced(":path", " /size/100"))),
    case("8.2.1", "A line feed in :path", malformed(), request(1, replaced(":path", "/x\r\nx: y"))),
    case("8.2.1", "A blank in :path", malformed(), request(1, replaced(":path", "/size/100 HTTP/1.1"))),
    case("8.2.1", "A blank in :method", malformed(), request(1, replaced(":method", "GET /other"))),
    case("8.2.1", "A line feed in :authority", malformed(), request(1, replaced(":authority", "a.test\r\nx: y"))),
    case("8.2.2", "connection", malformed(), with_field("connection", "keep-alive")),
    case("8.2.2", "connection: close", malformed(), with_field("connection", "close")),
    case("8.2.2", "proxy-connection", malformed(), with_field("proxy-connection", "keep-alive")),
    case("8.2.2", "keep-alive", malformed(), with_field("keep-alive", "timeout=5")),
    case("8.2.2", "transfer-encoding: chunked", malformed(), post(1, ("transfer-encoding", "chunked")), content(1, b"abc")),
    case("8.2.2", "transfer-encoding: identity", malformed(), post(1, ("transfer-encoding", "identity")), content(1, b"abc")),
    case("8.2.2", "upgrade", malformed(), with_field("upgrade", "websocket")),
    case("8.2.2", "te: trailers", response(), with_field("te", "trailers")),
    case("8.2.2", "te: gzip", malformed(), with_field("te", "gzip")),
    case("8.2.2", "te: trailers, gzip", malformed(), with_field("te", "trailers, gzip;q=0.5")),
    case("8.2.2", "Responses keep to it", no_connection_fields),
    case("8.2.3", "Pieces of a cookie are put together", response(body=b"", fields={"seen-cookie": "a=1; b=2; c=3"}),
         request(1, POST, WHOLE, [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")])),
    # §8.3: pseudo-fields
    case("8.3", "An unknown pseudo-field", malformed(), request(1, [*GET, (":test", "1")])),
    case("8.3", "A pseudo-field of responses", malformed(), request(1, [*GET, (":status", "200")])),
    case("8.3", "A pseudo-field behind another field", malformed(), request(1, [*without(":path"), ("x", "1"), (":path", "/size/100")])),
    case("8.3.1", "No :method", malformed(), request(1, without(":method"))),
    case("8.3.1", "No :scheme", malformed(), request(1, without(":scheme"))),
    case("8.3.1", "No :path", malformed(), request(1, without(":path"))),
    case("8.3.1", "No pseudo-field at all", malformed(), request(1, [("host", "a.test")])),
    case("8.3.1", "Nothing at all", malformed(), request(1, [])),
    case("8.3.1", "An empty :path", malformed(), request(1, replaced(":path", ""))),
    case("8.3.1", "An empty :method", malformed(), request(1, replaced(":method", ""))),
    case("8.3.1", "An empty :scheme", malformed(), request(1, replaced(":scheme", ""))),
    case("8.3.1", "A :path that doesn't begin with a slash", malformed(), request(1, replaced(":path", "size/100"))),
    case("8.3.1", "A :path of a whole URL", malformed(), request(1, replaced(":path", "http://a.test/size/100"))),
    case("8.3.1", "A :path of * for GET", malformed(), request(1, replaced(":path", "*"))),
    case("8.3.1", "Two of :method", malformed(), request(1, [(":method", "GET"), *GET])),
    case("8.3.1", "Two of :scheme", malformed(), request(1, [(":scheme", "http"), *GET])),
    case("8.3.1", "Two of :path", malformed(), request(1, [(":path", "/size/100"), *GET])),
    case("8.3.1", "Two of :authority", malformed(), request(1, [(":authority", "a.test"), *GET])),
    case("8.3.1", "User information in :authority", malformed(), request(1, replaced(":authority", "user@a.test"))),
    case("8.3.1", "A path in :authority", malformed(), request(1, replaced(":authority", "a.test/x"))),
    case("8.3.1", ":authority and the same Host", response(), with_field("host", "a.test")),
    case("8.3.1", ":authority and another Host", malformed(), with_field("host", "evil.test")),
    case("8.3.1", ":authority and two of Host", malformed(), request(1, more=[("host", "a.test"), ("host", "a.test")])),
    case("8.3.1", "Host and no :authority", response(body=b"", fields={"seen-host": "b.test"}),
         request(1, [pair for pair in POST if pair[0] != ":authority"] + [("host", "b.test")])),
    case("8.3.1", "Neither :authority nor Host", malformed(), request(1, without(":authority"))),
    case("8.3.1", "An empty :authority", malformed(), request(1, replaced(":authority", ""))),
    case("8.3.1", "A fragment in :path", malformed(), request(1, replaced(":path", "/size/100#part"))),
    # §8.5 and RFC 8441
    case("8.5", "CONNECT with :path and :scheme", malformed(), request(1, replaced(":method", "CONNECT"))),
    case("8.5", "CONNECT without :authority", malformed(), request(1, [(":method", "CONNECT")])),
    case("8.5", "CONNECT to others is no affair of Larder's", response("400|403|404|405|501"),
         request(1, [(":method", "CONNECT"), (":authority", "a.test:443")])),
    case("8441 4", ":protocol without CONNECT", malformed(), request(1, [(":protocol", "websocket"), *GET])),
    case("8441 4", "CONNECT with :protocol and without :path", malformed(), request(1, [
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test")], END_HEADERS)),
    case("8441 4", "CONNECT with a protocol that the route doesn't have", response("400|403|404|405|501"), request(1, [
        (":method", "CONNECT"), (":protocol", "connect-udp"), (":scheme", "http"), (":path", "/size/1"), (":authority", "a.test")],
        WHOLE)),
    # RFC 9218
    case("9218 5", "A priority that can't be parsed is ignored", response(), with_field("priority", "u=99, ;;")),
    case("9218 7.1", "PRIORITY_UPDATE on a stream", stream_error("PROTOCOL_ERROR"), frame(16, 0, 1, number(1) + b"u=1")),
    case("9218 7.1", "PRIORITY_UPDATE without its identifier", stream_error("FRAME_SIZE_ERROR", "PROTOCOL_ERROR"),
         frame(16, 0, 0, b"\0\0")),
    case("9218 7.1", "PRIORITY_UPDATE of stream 0", connection_error("PROTOCOL_ERROR"), frame(16, 0, 0, number(0) + b"u=1")),
    case("9218 7.1", "PRIORITY_UPDATE of a stream to come, and of one that has been", goes_on, frame(16, 0, 0, number(1) + b"u=1"),
         request(1), await_response(1), frame(16, 0, 0, number(1) + b"u=7, i")),
]
