"""Prefill attention and the expansion of earlier Blocks: compiles every variant, checks it against 64-bit PyTorch on random Sequences, and times it
beside PyTorch's SDPA on the same device. Prints one table. See README.md."""
import argparse
import ctypes
import math
import random
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from driver import Kernel, TensorMap, median_us, tensor_map
from payloads import Format

OPEN = 0x80000000
LOCAL = 0x40000000
TILE = 128


class Work(ctypes.Structure):
    """struct PrefillWork of prefill.cuh."""
    _fields_ = [(n, ctypes.c_void_p) for n in ("query", "key", "value", "pastKey", "pastValue", "sequences", "tiles", "output", "logSumExp")] \
        + [(n, ctypes.c_int) for n in ("queryStride", "keyStride", "valueStride", "rows", "pastRows", "kvHeads", "group", "tileCount")] \
        + [("softmaxScale", ctypes.c_float), ("flags", ctypes.c_int)]


class WarpgroupWork(ctypes.Structure):
    _fields_ = [(n, TensorMap) for n in ("query", "key", "value", "pastKey", "pastValue")] + [("work", Work), ("pad", ctypes.c_uint64 * 2)]


class ExpandWork(ctypes.Structure):
    """struct ExpandWork of expand_blocks.cu."""
    _fields_ = [(n, ctypes.c_void_p) for n in ("sealed", "open", "items", "keys", "values")] \
        + [(n, ctypes.c_uint64) for n in ("sealedStride", "openStride")] + [(n, ctypes.c_int) for n in ("kvHeads", "count")]


class Variant:
    def __init__(self, head_size, keys=0, stages=0, **defines):
        self.head_size, self.keys = head_size, keys
        self.label = (f"warpgroup d{head_size} k{keys} s{stages}" if keys else f"mma d{head_size}") + "".join(f" {k}={v}" for k, v in defines.items())
        self.defines = dict(HEAD_SIZE=head_size, **defines) | (dict(KEYS=keys, STAGES=stages) if keys else {})
        query = TILE * head_size * 2
        self.shared = 1024 + query + 4 * stages * keys * head_size + 8 * (1 + 4 * stages) if keys else query + 4 * 64 * head_size * 2
        self.threads = 384 if keys else 128

    def compile(self):
        self.kernel = Kernel("prefill_attention_warpgroup.cu" if self.keys else "prefill_attention.cu", "prefill_attention", self.defines, self.shared)
        return self


class Case:
    """Sequences of (new tokens, earlier Blocks, earlier open tokens, whether local: new tokens see new Blocks before their own encoded); queries, keys and values of new tokens stand in one matrix, as a GEMM leaves them."""

    def __init__(self, head_size, sequences, kv_heads, group, bits=4, salient=0, high=0, float_out=True):
        self.head_size, self.kv_heads, self.group, self.lengths = head_size, kv_heads, group, sequences
        self.format = Format(bits, kv_heads, head_size, salient, high)
        self.open_format = Format(16, kv_heads, head_size)
        heads, rows = kv_heads * group, sum(s[0] for s in sequences)
        self.rows, self.heads = rows, heads
        width = (heads + 2 * kv_heads) * head_size
        self.qkv = torch.randn(rows, width, device="cuda", dtype=torch.float16)
        self.qkv[:, :heads * head_size] *= 2
        blocks = sum(s[1] + _new_blocks(s) for s in sequences)
        self.pool = self.format.random(max(blocks, 1))
        self.open = self.open_format.random(len(sequences))
        pages, table, items, row, past, tiles = torch.randperm(max(blocks, 1)).tolist(), [], [], 0, 0, []
        self.pages = []
        for i, (n, sealed, open_tokens, local) in enumerate(sequences):
            first_past, mine = past, [pages.pop() for _ in range(sealed + _new_blocks(sequences[i]))]
            for page in mine:
                items.append([page, past, 64, 0])
                past += 64
            if open_tokens:
                items.append([OPEN | i, past, open_tokens, 0])
                past += open_tokens
            table.append([row, n | LOCAL if local else n, first_past, 64 * sealed if local else past - first_past])
            tiles += [(-(past - first_past + q), i, q) for q in range(0, n, TILE)]
            row += n
            self.pages.append(mine)
        self.past = past
        tensor = lambda x: torch.tensor(x, dtype=torch.int64).to(torch.uint32).cuda()
        self.sequences, self.items = tensor(table), tensor(items or [[0] * 4])
        self.tiles = tensor([t[1:] for t in sorted(tiles)])
        self.item_count, self.tile_count = len(items), len(tiles)
        self.past_rows = torch.full((2, past + 64, kv_heads, head_size), math.nan, device="cuda", dtype=torch.float16)
        self.output = torch.full((rows, heads, head_size), math.nan, device="cuda", dtype=torch.float32 if float_out else torch.bfloat16)
        self.log_sum = torch.full((heads, rows), math.nan, device="cuda")
        at, channels = self.qkv.data_ptr(), kv_heads * head_size
        key, value, pk, pv = at + 2 * heads * head_size, at + 2 * (heads * head_size + channels), self.past_rows[0].data_ptr(), self.past_rows[1].data_ptr()
        self.work = Work(at, key, value, pk, pv, self.sequences.data_ptr(), self.tiles.data_ptr(), self.output.data_ptr(), self.log_sum.data_ptr(),
                         width, width, width, rows, past, kv_heads, group, len(tiles), 1 / math.sqrt(head_size), 2 if float_out else 0)
        self.addresses = (at, key, value, pk, pv, width, channels)
        self.expand_work = ExpandWork(self.pool.data_ptr(), self.open.data_ptr(), self.items.data_ptr(), pk, pv, self.format.stride, self.open_format.stride, kv_heads, len(items))

    def expand(self, kernel):
        if self.item_count:
            kernel.launch((self.kv_heads, self.item_count, 2), 128, self.expand_work)

    def launch(self, variant):
        argument = self.work
        if variant.keys:
            at, key, value, pk, pv, width, channels = self.addresses
            k = tensor_map(key, channels, self.rows, width, variant.keys)
            past = [tensor_map(a, channels, self.past, channels, variant.keys) for a in (pk, pv)] if self.past else [k, k]
            argument = WarpgroupWork(tensor_map(at, self.heads * self.head_size, self.rows, width, TILE), k, tensor_map(value, channels, self.rows, width, variant.keys), *past, self.work)
            assert ctypes.sizeof(argument) == 768
        variant.kernel.launch((self.heads, self.tile_count, 1), variant.threads, argument)

    def oracle(self):
        """Outputs, log-sum-exps, and earlier tokens' K and V, in 64 bits."""
        d, outputs, sums, pasts, row = self.head_size, [], [], [], 0
        for i, (n, sealed, open_tokens, local) in enumerate(self.lengths):
            q, k, v = self.qkv[row:row + n].double().view(n, -1, d).split([self.heads, self.kv_heads, self.kv_heads], 1)
            parts = []
            if self.pages[i]:
                parts.append([x.transpose(1, 2).flatten(0, 1) for x in self.format.decode(self.pool[self.pages[i]])])
            if open_tokens:
                parts.append([x[0, :, :open_tokens].transpose(0, 1) for x in self.open_format.decode(self.open[i:i + 1])])
            if parts:
                past = [torch.cat(x) for x in zip(*parts)]
                pasts.append(torch.stack(past))
                k, v = torch.cat((past[0], k)), torch.cat((past[1], v))
            k, v = (x.repeat_interleave(self.group, 1) for x in (k, v))
            s = torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(d)
            total = k.shape[0]
            key, query = torch.arange(total, device="cuda")[None], torch.arange(n, device="cuda")[:, None]
            unseen = key > query + total - n
            if local:
                block = query // 64 * 64
                unseen |= (key >= 64 * sealed + block) & (key < total - n + block)
            s.masked_fill_(unseen, -math.inf)
            outputs.append(torch.einsum("hqk,khd->qhd", s.softmax(-1), v))
            sums.append(s.logsumexp(-1))
            row += n
        return torch.cat(outputs), torch.cat(sums, 1), torch.cat(pasts, 1) if pasts else None


def _new_blocks(sequence):
    """New Blocks of a local Sequence that others of its Blocks see."""
    return (sequence[0] - 1) // 64 if sequence[3] else 0


def error(output, expected):
    return ((output.double() - expected).norm() / expected.norm().clamp_min(1e-30)).item()


FORMATS = [(16, 0, 0), (8, 0, 0), (4, 0, 0), (2, 0, 0), (3, 16, 4), (2, 16, 4), (3, 48, 4), (2, 32, 4)]


def check(variant, expand, rounds):
    worst = [0, 0, 0]
    for _ in range(rounds):
        bits, salient, high = random.choice(FORMATS)
        few = random.random() < .9
        sequences = [(random.choice([1, 63, 64, 65, 127, 128, 129, random.randrange(1, 600 if few else 1500)]), random.choice([0, 0, 1, 2, 3, random.randrange(0, 12)]),
                      random.choice([0, 0, 1, random.randrange(64)]), False) for _ in range(random.randrange(1, 5))]
        sequences = [(n, sealed, 0, True) if random.random() < .5 else (n, sealed, open_tokens, False) for n, sealed, open_tokens, _ in sequences]
        case = Case(variant.head_size, sequences, random.choice([1, 2, 3, 8]), random.choice([1, 3, 4, 7, 8]), bits, salient, high)
        output, sums, past = case.oracle()
        case.expand(expand[bits, salient, high, variant.head_size])
        case.launch(variant)
        found = [error(case.output, output), (case.log_sum.double() - sums).abs().max().item(), error(case.past_rows[:, :case.past], past) if past is not None else 0]
        worst = [max(a, b) if a == a and b == b else math.nan for a, b in zip(worst, found)]
        if past is not None and not case.past_rows[:, case.past:].isnan().all():
            worst[2] = math.inf  # wrote past the last row
    return worst


def sdpa(tokens, heads, kv_heads, d, past=0):
    q = torch.randn(1, heads, tokens, d, device="cuda", dtype=torch.bfloat16)
    k, v = (torch.randn(1, kv_heads, tokens + past, d, device="cuda", dtype=torch.bfloat16) for _ in "kv")
    if past:
        from torch.nn.attention.bias import causal_lower_right
        bias = dict(attn_mask=causal_lower_right(tokens, tokens + past))
        k, v = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
    else:
        bias = dict(is_causal=True, enable_gqa=True)
    times = {"default": median_us(lambda i: F.scaled_dot_product_attention(q, k, v, **bias), 6)}
    for backend in [] if past else (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                times[backend.name] = median_us(lambda i: F.scaled_dot_product_attention(q, k, v, **bias), 6)
        except RuntimeError:
            times[backend.name] = math.inf
    return times


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--all", action="store_true", help="all shapes of the ring, not only the one in use")
    options.add_argument("--no-times", action="store_true")
    options = options.parse_args()
    warnings.filterwarnings("ignore")
    random.seed(7)
    torch.manual_seed(7)
    torch.zeros(1, device="cuda")
    shapes = [(128, 2, 1)] + ([(128, 2, 0), (64, 4, 1), (64, 4, 0), (64, 3, 1)] if options.all else [])
    variants = [Variant(d) for d in (128, 64)]
    if torch.cuda.get_device_capability() == (9, 0):
        variants = [Variant(d, keys, stages, TURNS=turns) for d in (128, 64) for keys, stages, turns in shapes] + variants
    begun = time.time()
    with ThreadPoolExecutor(16) as pool:
        expands = {(*f, d): pool.submit(Kernel, "expand_blocks.cu", "expand_blocks", dict(BITS=f[0], HEAD_SIZE=d) | (dict(SALIENT=f[1], HIGH=f[2]) if f[1] else {}))
                   for f in FORMATS for d in (64, 128)}
        jobs = [(v, pool.submit(v.compile)) for v in variants]
    expand = {key: job.result().load() for key, job in expands.items()}
    print(f"{torch.cuda.get_device_name()}, {torch.__version__}, compiled in {time.time() - begun:.0f} s")
    usable = []
    for v, job in jobs:
        try:
            job.result().kernel.load()
            usable.append(v)
            for warning in v.kernel.warnings:
                print(f"{v.label}: {warning}")
        except RuntimeError as e:
            print(f"FAILED {v.label}: {str(e)[-3000:]}")
    sizes = [(4096, 0), (16384, 0), (512, 3584), (2048, 14336)]
    local = [(4096, 0), (512, 3584)]
    if not options.no_times:
        for d in (128, 64):
            for n, past in sizes:
                print(f"SDPA bf16 d{d} {n} after {past}: " + ", ".join(f"{k} {v:.1f} us, {_rate(n, past, 32, d, v):.0f} TFLOP/s" for k, v in sdpa(n, 32, 8, d, past).items()), flush=True)
    print("variant | registers | error of output, of log-sum-exp (greatest), of expanded rows | us and TFLOP/s of " + ", ".join(f"{n} after {p}" for n, p in sizes) + "; + us of expanding int4; local: " + ", ".join(f"{n} after {p}" for n, p in local))
    for v in usable:
        row = f"{v.label:34} {v.kernel.report:36} " + " ".join(f"{x:8.1e}" for x in check(v, expand, options.rounds))
        for n, past, is_local in [] if options.no_times else [(*s, False) for s in sizes] + [(*s, True) for s in local]:
            case = Case(v.head_size, [(n, past // 64, 0, is_local)], 8, 4, float_out=False)
            case.expand(expand[4, 0, 0, v.head_size])
            us = median_us(lambda i: case.launch(v), 6)
            row += f" | {us:7.1f} {_rate(n, past, 32, v.head_size, us):4.0f}"
            if case.item_count:
                row += f" +{median_us(lambda i: case.expand(expand[4, 0, 0, v.head_size]), 6):.1f}"
            del case
        print(row, flush=True)


def _rate(n, past, heads, d, us):
    return 4 * d * heads * (n * past + n * (n + 1) / 2) / us * 1e-6


if __name__ == "__main__":
    main()
