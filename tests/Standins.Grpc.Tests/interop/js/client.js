'use strict';
// grpc-js calls our server: node client.js HOST:PORT. Prints "ok NAME" for each check; the first failure ends it.

const assert = require('node:assert');
const grpc = require('@grpc/grpc-js');
const wire = require('./wire');

const MESSAGE = 'grüß Gott, 100 %\n😀';
const MIB = 1024 * 1024;
const ECHO = '/kvcluster.test.Echo/';
const same = (bytes) => bytes;
const { status } = grpc;

const options = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, 'grpc.enable_http_proxy': 0 };
const address = process.argv[2];
const client = new grpc.Client(address, grpc.credentials.createInsecure(), options);
const gzip = new grpc.Client(address, grpc.credentials.createInsecure(), {
  ...options,
  'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
});

const within = (seconds) => ({ deadline: Date.now() + seconds * 1000 });

function unary(name, message, { path = ECHO, metadata = new grpc.Metadata(), seconds = 10, from = client } = {}) {
  return new Promise((resolve, reject) => {
    let headers;
    const call = from.makeUnaryRequest(path + name, same, same, message, metadata, within(seconds), (error, reply) =>
      error ? reject(error) : resolve({ reply, headers }));
    call.on('metadata', (received) => { headers = received; });
  });
}

function readAll(call) {
  return new Promise((resolve, reject) => {
    const messages = [];
    call.on('data', (message) => messages.push(message));
    call.on('error', reject);
    call.on('end', () => resolve(messages));
  });
}

function gather(messages, count, seconds, from = client) {
  return new Promise((resolve, reject) => {
    const call = from.makeClientStreamRequest(ECHO + 'Gather', same, same, new grpc.Metadata(), within(seconds),
      (error, reply) => (error ? reject(error) : resolve(wire.parseReply(reply))));
    let sent = 0;
    const send = () => {
      while (sent < count) {
        if (!call.write(messages(sent++))) {
          call.once('drain', send);
          return;
        }
      }
      call.end();
    };
    send();
  });
}

async function expectCode(code, call) {
  try {
    await call();
  } catch (error) {
    assert.strictEqual(error.code, code, error.message);
    return error;
  }
  throw new Error(`the call succeeded instead of failing with ${code}`);
}

const checks = {
  async unary() {
    const { reply } = await unary('Say', wire.request({ text: 'grüße', payload: Buffer.from([0, 1]) }));
    assert.deepStrictEqual(wire.parseReply(reply), { text: 'grüße', payload: Buffer.from([0, 1]), size: 2, index: 0 });
  },

  async serverStreaming() {
    const replies = await readAll(client.makeServerStreamRequest(
      ECHO + 'Repeat', same, same, wire.request({ count: 100 }), new grpc.Metadata(), within(10)));
    assert.deepStrictEqual(replies.map((r) => wire.parseReply(r).index), [...Array(100).keys()]);
  },

  async clientStreaming() {
    const reply = await gather((i) => wire.request({ payload: Buffer.alloc(i) }), 10, 10);
    assert.strictEqual(reply.index, 10);
    assert.strictEqual(reply.size, 45);
  },

  async duplex() {
    const call = client.makeBidiStreamRequest(ECHO + 'Converse', same, same, new grpc.Metadata(), within(10));
    const replies = [];
    const ended = new Promise((resolve, reject) => {
      call.on('status', resolve);
      call.on('error', reject);
    });
    call.on('data', (message) => {
      replies.push(wire.parseReply(message).text);
      if (replies.length < 20) {
        call.write(wire.request({ text: String(replies.length) }));
      } else {
        call.end();
      }
    });
    call.write(wire.request({ text: '0' }));
    const final = await ended;
    assert.deepStrictEqual(replies, [...Array(20).keys()].map(String));
    assert.deepStrictEqual(final.metadata.get('conversed'), ['20']);
  },

  async error() {
    const error = await expectCode(status.INVALID_ARGUMENT, () =>
      unary('Say', wire.request({ text: MESSAGE, behaviour: wire.Behaviour.REFUSE })));
    assert.strictEqual(error.details, MESSAGE);
    assert.deepStrictEqual(error.metadata.get('why'), ['as asked']);
    assert.deepStrictEqual(error.metadata.get('why-bin'), [Buffer.from([0, 1, 254, 255])]);
  },

  async errorAfterMessages() {
    const error = await expectCode(status.INVALID_ARGUMENT, () => readAll(client.makeServerStreamRequest(
      ECHO + 'Repeat', same, same, wire.request({ text: MESSAGE, count: 3, behaviour: wire.Behaviour.REFUSE }),
      new grpc.Metadata(), within(10))));
    // How many messages came before it is not checked: grpc-js reports an error at once and drops what is still unread.
    assert.strictEqual(error.details, MESSAGE);
  },

  async exception() {
    const error = await expectCode(status.UNKNOWN, () => unary('Say', wire.request({ behaviour: wire.Behaviour.THROW })));
    assert.ok(!error.details.includes('secret'));
  },

  async unimplemented() {
    await expectCode(status.UNIMPLEMENTED, () => unary('Missing', Buffer.alloc(0)));
    await expectCode(status.UNIMPLEMENTED, () => unary('Say', Buffer.alloc(0), { path: '/no.such.Service/' }));
  },

  async deadline() {
    await expectCode(status.DEADLINE_EXCEEDED, () =>
      unary('Say', wire.request({ behaviour: wire.Behaviour.WAIT }), { seconds: 0.3 }));
  },

  async headers() {
    const metadata = new grpc.Metadata();
    metadata.set('ask-headers', 'text');
    metadata.set('ask-bin', Buffer.from([9, 0, 200]));
    const { headers } = await unary('Say', Buffer.alloc(0), { metadata });
    assert.deepStrictEqual(headers.get('reply-text'), ['text']);
    assert.deepStrictEqual(headers.get('reply-bin'), [Buffer.from([9, 0, 200])]);
  },

  async cancel() {
    const call = client.makeServerStreamRequest(ECHO + 'Repeat', same, same,
      wire.request({ count: 1, behaviour: wire.Behaviour.WAIT }), new grpc.Metadata(), within(10));
    call.once('data', () => call.cancel());
    await expectCode(status.CANCELLED, () => readAll(call));
  },

  async largeUpload() {
    const chunk = wire.request({ payload: Buffer.alloc(512 * 1024, 0x5a) });
    assert.strictEqual((await gather(() => chunk, 128, 60)).size, 64 * MIB);
  },

  async largeDownload() {
    const payload = Buffer.alloc(512 * 1024, 0xa5);
    const replies = await readAll(client.makeServerStreamRequest(ECHO + 'Repeat', same, same,
      wire.request({ payload, count: 128 }), new grpc.Metadata(), within(60)));
    assert.strictEqual(replies.length, 128);
    assert.ok(replies.every((r) => wire.parseReply(r).payload.equals(payload)));
  },

  async gzip() {
    const payload = Buffer.alloc(MIB);
    const { reply } = await unary('Say', wire.request({ payload }), { from: gzip });
    assert.ok(wire.parseReply(reply).payload.equals(payload));
    assert.strictEqual((await gather(() => wire.request({ payload }), 4, 10, gzip)).size, 4 * MIB);
  },

  async limit() {
    await expectCode(status.RESOURCE_EXHAUSTED, () => unary('Say', wire.request({ payload: Buffer.alloc(5 * MIB) })));
  },

  async health() {
    const { reply } = await unary('Check', Buffer.alloc(0), { path: '/grpc.health.v1.Health/' });
    assert.deepStrictEqual(wire.fields(reply)[1], [1]);
  },

  async reflection() {
    for (const version of ['v1', 'v1alpha']) {
      const call = client.makeBidiStreamRequest(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, same, same, new grpc.Metadata(), within(10));
      call.write(wire.lengthDelimited(7, Buffer.from('*')));
      call.end();
      const [answer] = await readAll(call);
      const services = wire.fields(wire.fields(answer)[6][0])[1].map((service) => wire.fields(service)[1][0].toString());
      assert.ok(services.includes('kvcluster.test.Echo'), services);
    }
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
    } catch (error) {
      console.error(`failed ${name}:`, error);
      process.exit(1);
    }
    console.log('ok', name);
  }
  client.close();
  gzip.close();
})();
