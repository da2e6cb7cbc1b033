"""The messages of test.proto, health and reflection, encoded by hand: no generated code is needed."""


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_delimited(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def number_field(number, value):
    return varint(number << 3) + varint(value) if value else b""


def fields(data):
    """{field number: [values]}; integers for varints, bytes for the rest."""
    out, at = {}, 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = read_varint()
        if tag & 7 == 0:
            value = read_varint()
        elif tag & 7 == 2:
            size = read_varint()
            value = data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {tag & 7}")
        out.setdefault(tag >> 3, []).append(value)
    return out


def first(parsed, number, default):
    return parsed.get(number, [default])[0]


PLAIN, REFUSE, THROW, WAIT, WAIT_DEAF, NO_COMPRESS = range(6)


def request(text="", payload=b"", count=0, behaviour=PLAIN):
    out = b""
    if text:
        out += length_delimited(1, text.encode())
    if payload:
        out += length_delimited(2, payload)
    return out + number_field(3, count) + number_field(4, behaviour)


def parse_request(data):
    parsed = fields(data)
    return {
        "text": first(parsed, 1, b"").decode(),
        "payload": first(parsed, 2, b""),
        "count": first(parsed, 3, 0),
        "behaviour": first(parsed, 4, 0),
    }


def reply(text="", payload=b"", size=0, index=0):
    out = b""
    if text:
        out += length_delimited(1, text.encode())
    if payload:
        out += length_delimited(2, payload)
    return out + number_field(3, size) + number_field(4, index)


def parse_reply(data):
    parsed = fields(data)
    return {
        "text": first(parsed, 1, b"").decode(),
        "payload": first(parsed, 2, b""),
        "size": first(parsed, 3, 0),
        "index": first(parsed, 4, 0),
    }
