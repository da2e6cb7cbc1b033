"""grpcio calls our server: python3 client.py HOST:PORT. Prints "ok NAME" for each check; the first failure ends it."""
import queue
import sys
import threading

import grpc

import wire

MESSAGE = "grüß Gott, 100 %\n😀"
MIB = 1024 * 1024
SERVICE = "/kvcluster.test.Echo/"


def unary(channel, name, path=SERVICE):
    return channel.unary_unary(path + name, request_serializer=bytes, response_deserializer=bytes)


def server_stream(channel, name, path=SERVICE):
    return channel.unary_stream(path + name, request_serializer=bytes, response_deserializer=bytes)


def client_stream(channel, name):
    return channel.stream_unary(SERVICE + name, request_serializer=bytes, response_deserializer=bytes)


def duplex(channel, name, path=SERVICE):
    return channel.stream_stream(path + name, request_serializer=bytes, response_deserializer=bytes)


def expect(code, call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} is not {code}: {error.details()}"
        return error
    raise AssertionError(f"the call succeeded instead of failing with {code}")


def check_unary(channel):
    got = wire.parse_reply(unary(channel, "Say")(wire.request(text="grüße", payload=b"\x00\x01"), timeout=10))
    assert got == {"text": "grüße", "payload": b"\x00\x01", "size": 2, "index": 0}, got


def check_server_streaming(channel):
    replies = [wire.parse_reply(r) for r in server_stream(channel, "Repeat")(wire.request(text="x", count=100), timeout=10)]
    assert [r["index"] for r in replies] == list(range(100))


def check_client_streaming(channel):
    got = wire.parse_reply(client_stream(channel, "Gather")(
        (wire.request(payload=b"x" * i) for i in range(10)), timeout=10))
    assert (got["index"], got["size"]) == (10, 45), got


def check_duplex(channel):
    sent = queue.Queue()
    call = duplex(channel, "Converse")(iter(sent.get, None), timeout=10)
    for i in range(20):
        sent.put(wire.request(text=str(i)))
        assert wire.parse_reply(next(call))["text"] == str(i)
    sent.put(None)
    assert list(call) == []
    assert ("conversed", "20") in call.trailing_metadata(), call.trailing_metadata()


def check_error(channel):
    error = expect(grpc.StatusCode.INVALID_ARGUMENT, lambda: unary(channel, "Say")(
        wire.request(text=MESSAGE, behaviour=wire.REFUSE), timeout=10))
    assert error.details() == MESSAGE, error.details()
    trailers = dict(error.trailing_metadata())
    assert trailers["why"] == "as asked" and trailers["why-bin"] == bytes([0, 1, 254, 255]), trailers


def check_error_after_messages(channel):
    call = server_stream(channel, "Repeat")(wire.request(text=MESSAGE, count=3, behaviour=wire.REFUSE), timeout=10)
    assert [wire.parse_reply(next(call))["index"] for _ in range(3)] == [0, 1, 2]
    error = expect(grpc.StatusCode.INVALID_ARGUMENT, lambda: next(call))
    assert error.details() == MESSAGE, error.details()


def check_exception(channel):
    error = expect(grpc.StatusCode.UNKNOWN, lambda: unary(channel, "Say")(wire.request(behaviour=wire.THROW), timeout=10))
    assert "secret" not in error.details()


def check_unimplemented(channel):
    expect(grpc.StatusCode.UNIMPLEMENTED, lambda: unary(channel, "Missing")(b"", timeout=10))
    expect(grpc.StatusCode.UNIMPLEMENTED, lambda: unary(channel, "Say", "/no.such.Service/")(b"", timeout=10))


def check_deadline(channel):
    expect(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: unary(channel, "Say")(wire.request(behaviour=wire.WAIT), timeout=0.3))


def check_headers(channel):
    got, call = unary(channel, "Say").with_call(
        wire.request(), timeout=10, metadata=(("ask-headers", "text"), ("ask-bin", bytes([9, 0, 200]))))
    headers = dict(call.initial_metadata())
    assert headers["reply-text"] == "text" and headers["reply-bin"] == bytes([9, 0, 200]), headers


def check_cancel(channel):
    call = server_stream(channel, "Repeat")(wire.request(count=1, behaviour=wire.WAIT), timeout=10)
    next(call)
    threading.Timer(0.1, call.cancel).start()
    expect(grpc.StatusCode.CANCELLED, lambda: next(call))


def check_large_upload(channel):
    chunk = wire.request(payload=b"\x5a" * (512 * 1024))
    got = wire.parse_reply(client_stream(channel, "Gather")((chunk for _ in range(128)), timeout=60))
    assert got["size"] == 64 * MIB, got


def check_large_download(channel):
    payload = bytes(range(256)) * 2048
    size = 0
    for r in server_stream(channel, "Repeat")(wire.request(payload=payload, count=128), timeout=60):
        got = wire.parse_reply(r)["payload"]
        assert got == payload
        size += len(got)
    assert size == 64 * MIB, size


def check_gzip(channel):
    got = wire.parse_reply(unary(channel, "Say")(
        wire.request(payload=b"\x00" * MIB), timeout=10, compression=grpc.Compression.Gzip))
    assert got["payload"] == b"\x00" * MIB
    got = wire.parse_reply(client_stream(channel, "Gather")(
        (wire.request(payload=b"\x00" * MIB) for _ in range(4)), timeout=10, compression=grpc.Compression.Gzip))
    assert got["size"] == 4 * MIB


def check_limit(channel):
    expect(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: unary(channel, "Say")(
        wire.request(payload=b"\x00" * (5 * MIB)), timeout=10))


def check_health(channel):
    path = "/grpc.health.v1.Health/"
    assert wire.fields(unary(channel, "Check", path)(b"", timeout=10)) == {1: [1]}
    error = expect(grpc.StatusCode.NOT_FOUND, lambda: unary(channel, "Check", path)(
        wire.length_delimited(1, b"missing"), timeout=10))
    assert error.details()
    watch = server_stream(channel, "Watch", path)(b"", timeout=10)
    assert wire.fields(next(watch)) == {1: [1]}
    watch.cancel()


def check_reflection(channel):
    for version in ("v1", "v1alpha"):
        path = f"/grpc.reflection.{version}.ServerReflection/"
        call = duplex(channel, "ServerReflectionInfo", path)(
            iter([wire.length_delimited(7, b"*"), wire.length_delimited(4, b"kvcluster.test.Echo")]), timeout=10)
        services = wire.fields(wire.fields(next(call))[6][0])[1]
        assert b"kvcluster.test.Echo" in [wire.fields(s)[1][0] for s in services], services
        files = wire.fields(wire.fields(next(call))[4][0])[1]
        assert wire.fields(files[0])[1][0] == b"test.proto"
        assert list(call) == []


def main():
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(sys.argv[1], options=options) as channel:
        for name, check in list(globals().items()):
            if name.startswith("check_"):
                check(channel)
                print("ok", name[len("check_"):], flush=True)


main()
