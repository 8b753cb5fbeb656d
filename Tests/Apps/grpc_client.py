"""Calls every method of grpc_server.py, which is behind PORT: `grpc_client.py PORT`. Says what went wrong, and ends with 1."""
import queue
import sys
import time

import grpc

PATIENCE = 30


def fails(call, code):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error.details()
    raise AssertionError(f"expected {code}")


def main():
    channel = grpc.insecure_channel(f"127.0.0.1:{sys.argv[1]}")
    unary = channel.unary_unary("/larder.Test/Unary")
    down = channel.unary_stream("/larder.Test/Down")
    up = channel.stream_unary("/larder.Test/Up")
    both = channel.stream_stream("/larder.Test/Both")
    ended = channel.unary_unary("/larder.Test/Ended")

    response, call = unary.with_call(b"abc", timeout=PATIENCE)
    assert response == b"cba", response
    assert ("x-trailer", "end") in [(item.key, item.value) for item in call.trailing_metadata()]
    large = bytes(range(256)) * 10_000
    assert unary(large, timeout=PATIENCE) == large[::-1], "a large message"
    details = fails(lambda: unary(b"fail", timeout=PATIENCE), grpc.StatusCode.FAILED_PRECONDITION)
    assert details == "no such luck", details
    fails(lambda: unary(b"slow", timeout=0.5), grpc.StatusCode.DEADLINE_EXCEEDED)
    assert list(down(b"200", timeout=PATIENCE)) == [b"%d" % number for number in range(200)], "responses as a stream"
    assert up(iter([b"x" * 100_000] * 20), timeout=PATIENCE) == b"2000000", "requests as a stream"

    # Each request is answered before the next one is sent.
    requests = queue.Queue()
    responses = both(iter(requests.get, None), timeout=PATIENCE)
    for word in (b"a", b"b", b"c"):
        requests.put(word)
        assert next(responses) == word.upper(), "both ways"
    requests.put(None)
    assert list(responses) == [] and responses.code() == grpc.StatusCode.OK, "the end of both ways"

    before = int(ended(b""))
    requests = queue.Queue()
    responses = both(iter(requests.get, None))
    requests.put(b"z")
    assert next(responses) == b"Z"
    responses.cancel()
    deadline = time.monotonic() + PATIENCE
    while int(ended(b"")) == before:
        assert time.monotonic() < deadline, "the server doesn't hear of a cancelled call"
        time.sleep(0.05)


main()
