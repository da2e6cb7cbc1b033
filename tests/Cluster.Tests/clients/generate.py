"""Asks a KvCluster Gateway from Python: generate.py ADDRESS PROTO_ROOT TEXT MAX_TOKENS. Prints one JSON object."""
import importlib
import json
import subprocess
import sys
import tempfile

import grpc

address, proto_root, text, max_tokens = sys.argv[1:]
out = tempfile.mkdtemp()
subprocess.check_call(["protoc", f"-I{proto_root}", f"--python_out={out}", "kvcluster/v1/inference.proto"])
sys.path.insert(0, out)
pb = importlib.import_module("kvcluster.v1.inference_pb2")

with grpc.insecure_channel(address) as channel:
    generate = channel.unary_stream(
        "/kvcluster.v1.Inference/Generate",
        request_serializer=pb.GenerateRequest.SerializeToString,
        response_deserializer=pb.GenerateReply.FromString,
    )
    sampling = pb.Sampling(temperature=0, max_tokens=int(max_tokens))
    replies = list(generate(pb.GenerateRequest(text=text, sampling=sampling), timeout=60))
    refused = None
    try:
        list(generate(pb.GenerateRequest(text=text, sampling=pb.Sampling(max_tokens=-1)), timeout=60))
    except grpc.RpcError as error:
        refused = dict(code=error.code().name, details=error.details())

print(json.dumps(dict(
    token_ids=[i for reply in replies for i in reply.token_ids],
    text="".join(reply.text for reply in replies),
    prompt_tokens=replies[-1].usage.prompt_tokens,
    refused=refused,
)))
