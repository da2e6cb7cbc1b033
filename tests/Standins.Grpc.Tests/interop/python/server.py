"""A grpcio server of test.proto for our client. Prints its port, then "waiting" and "cancelled" as calls wait and end."""
import sys
import threading
from concurrent import futures

import grpc

import wire


def answer(data, index=0):
    asked = wire.parse_request(data)
    return wire.reply(asked["text"], asked["payload"], len(asked["payload"]), index)


def act(data, context):
    asked = wire.parse_request(data)
    if asked["behaviour"] == wire.REFUSE:
        context.set_trailing_metadata((("why", "as asked"), ("why-bin", bytes([0, 1, 254, 255]))))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, asked["text"])
    if asked["behaviour"] == wire.THROW:
        raise ValueError("a secret of the server")
    if asked["behaviour"] == wire.WAIT:
        ended = threading.Event()
        print("waiting", flush=True)
        if context.add_callback(ended.set):
            ended.wait(30)
        print("cancelled", flush=True)


def say(data, context):
    headers = dict(context.invocation_metadata())
    if "ask-headers" in headers:
        context.send_initial_metadata((("reply-text", headers["ask-headers"]), ("reply-bin", headers["ask-bin"])))
    act(data, context)
    return answer(data)


def repeat(data, context):
    for i in range(wire.parse_request(data)["count"]):
        yield answer(data, i)
    act(data, context)


def gather(requests, context):
    size = count = 0
    for data in requests:
        act(data, context)
        size += len(wire.parse_request(data)["payload"])
        count += 1
    return wire.reply(size=size, index=count)


def converse(requests, context):
    count = 0
    for data in requests:
        act(data, context)
        yield answer(data, count)
        count += 1
    context.set_trailing_metadata((("conversed", str(count)),))


def handlers():
    plain = {"request_deserializer": bytes, "response_serializer": bytes}
    return grpc.method_handlers_generic_handler("kvcluster.test.Echo", {
        "Say": grpc.unary_unary_rpc_method_handler(say, **plain),
        "Repeat": grpc.unary_stream_rpc_method_handler(repeat, **plain),
        "Gather": grpc.stream_unary_rpc_method_handler(gather, **plain),
        "Converse": grpc.stream_stream_rpc_method_handler(converse, **plain),
    })


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    compression = grpc.Compression.Gzip if "--gzip" in sys.argv else None
    server = grpc.server(futures.ThreadPoolExecutor(16), options=options, compression=compression)
    server.add_generic_rpc_handlers((handlers(),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(0)


main()
