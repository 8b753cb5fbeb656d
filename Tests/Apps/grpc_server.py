"""A gRPC server whose messages are plain bytes: `grpc_server.py PORT`."""
import sys
import time
from concurrent import futures

import grpc

cancelled = []


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "end"),))
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no such luck")
    if request == b"slow":
        time.sleep(2)
    return request[::-1]


def down(request, context):
    for number in range(int(request)):
        yield b"%d" % number


def up(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def both(requests, context):
    context.add_callback(lambda: cancelled.append(1))
    for request in requests:
        yield request.upper()


def ended(request, context):
    return b"%d" % len(cancelled)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(20))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("larder.Test", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Down": grpc.unary_stream_rpc_method_handler(down),
        "Up": grpc.stream_unary_rpc_method_handler(up),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Ended": grpc.unary_unary_rpc_method_handler(ended),
    }),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


main()
