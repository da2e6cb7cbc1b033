"""Reference outputs of transformers for the demo model, in float32 arithmetic throughout: writes golden.json beside itself.

    python3 golden.py [OUT]      # PyTorch and transformers, CPU or GPU

train.py wrote the first golden.json with matmul precision "high" set for training, so on the GPU its products were TF32 (10 bits of
mantissa). This repeats the same cases with precision "highest" and checks them against float64.
"""
import json, os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

torch.set_float32_matmul_precision("highest")
torch.backends.cuda.matmul.allow_tf32 = False
here = os.path.dirname(os.path.abspath(__file__))
device = "cuda" if torch.cuda.is_available() else "cpu"
old = json.load(open(os.path.join(here, "golden.json")))
tok = AutoTokenizer.from_pretrained(os.path.join(here, "model"))
model = AutoModelForCausalLM.from_pretrained(os.path.join(here, "model"), dtype=torch.float32, attn_implementation="eager").to(device).eval()
double = AutoModelForCausalLM.from_pretrained(os.path.join(here, "model"), dtype=torch.float64, attn_implementation="eager").to(device).eval()
cases = []
with torch.inference_mode():
    for case in old["cases"]:
        ids = tok(case["text"], return_tensors="pt").input_ids.to(device)
        assert ids[0].tolist() == case["ids"]
        logits = model(ids).logits[0]
        exact = double(ids).logits[0]
        logp = torch.log_softmax(logits.double(), -1)
        top = logits[-1].topk(20)
        greedy = model.generate(input_ids=ids, max_new_tokens=48, do_sample=False, pad_token_id=0, eos_token_id=2)[0, ids.shape[1]:]
        nll = -logp[:-1].gather(1, ids[0, 1:, None])[:, 0]
        was = torch.tensor(case["last_top20_logits"], device=device)
        print(f"{ids.shape[1]:5} tokens: float32 to float64 {(logits - exact)[-1].abs().max():.5f}, first golden to float64 "
              f"{(was - exact[-1][case['last_top20_ids']]).abs().max():.5f}, NLL {nll.mean():.6f} was {case['mean_nll']:.6f}, "
              f"top 20 same {top.indices.tolist() == case['last_top20_ids']}, greedy same {greedy.tolist() == case['greedy_ids']}")
        cases.append(dict(text=case["text"], ids=case["ids"], last_top20_ids=top.indices.tolist(), last_top20_logits=[round(x, 5) for x in top.values.tolist()],
                          mean_nll=nll.mean().item(), greedy_ids=greedy.tolist(), greedy_text=tok.decode(greedy)))
json.dump(dict(dtype="float32 arithmetic (matmul precision highest) on the bfloat16 weights", accuracy_bf16=old["accuracy_bf16"], cases=cases),
          open(sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "golden.json"), "w"), indent=1)
