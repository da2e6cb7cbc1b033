// Asks a KvCluster Gateway from Node: generate.mjs ADDRESS PROTO_ROOT TEXT MAX_TOKENS. Prints one JSON object.
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const [address, protoRoot, text, maxTokens] = process.argv.slice(2);
const definition = loader.loadSync('kvcluster/v1/inference.proto', { includeDirs: [protoRoot], keepCase: true, longs: Number, defaults: true });
const { Inference } = grpc.loadPackageDefinition(definition).kvcluster.v1;
const client = new Inference(address, grpc.credentials.createInsecure());

function generate(sampling) {
  return new Promise((resolve, reject) => {
    const replies = [];
    const call = client.Generate({ text, sampling }, { deadline: Date.now() + 60_000 });
    call.on('data', (reply) => replies.push(reply));
    call.on('error', reject);
    call.on('end', () => resolve(replies));
  });
}

const replies = await generate({ temperature: 0, max_tokens: Number(maxTokens) });
const refused = await generate({ max_tokens: -1 }).then(() => null, (error) => ({ code: grpc.status[error.code], details: error.details }));
console.log(JSON.stringify({
  token_ids: replies.flatMap((reply) => reply.token_ids),
  text: replies.map((reply) => reply.text).join(''),
  prompt_tokens: replies.at(-1).usage.prompt_tokens,
  refused,
}));
client.close();
