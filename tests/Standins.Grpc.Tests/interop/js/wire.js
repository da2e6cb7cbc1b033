'use strict';
// The messages of test.proto, encoded by hand: no generated code is needed.

function varint(value) {
  const out = [];
  while (value > 0x7f) {
    out.push((value & 0x7f) | 0x80);
    value = Math.floor(value / 128);
  }
  out.push(value);
  return Buffer.from(out);
}

function lengthDelimited(number, data) {
  return Buffer.concat([varint((number << 3) | 2), varint(data.length), data]);
}

function fields(data) {
  const out = {};
  let at = 0;
  const readVarint = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = data[at++];
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        return value;
      }
    }
  };
  while (at < data.length) {
    const tag = readVarint();
    let value;
    if ((tag & 7) === 0) {
      value = readVarint();
    } else {
      const size = readVarint();
      value = data.subarray(at, at + size);
      at += size;
    }
    (out[tag >> 3] ??= []).push(value);
  }
  return out;
}

const Behaviour = { PLAIN: 0, REFUSE: 1, THROW: 2, WAIT: 3 };

function request({ text = '', payload = Buffer.alloc(0), count = 0, behaviour = 0 }) {
  const parts = [];
  if (text) parts.push(lengthDelimited(1, Buffer.from(text)));
  if (payload.length) parts.push(lengthDelimited(2, payload));
  if (count) parts.push(varint(3 << 3), varint(count));
  if (behaviour) parts.push(varint(4 << 3), varint(behaviour));
  return Buffer.concat(parts);
}

function parseReply(data) {
  const parsed = fields(data);
  return {
    text: (parsed[1]?.[0] ?? Buffer.alloc(0)).toString(),
    payload: parsed[2]?.[0] ?? Buffer.alloc(0),
    size: parsed[3]?.[0] ?? 0,
    index: parsed[4]?.[0] ?? 0,
  };
}

module.exports = { Behaviour, fields, lengthDelimited, parseReply, request };
