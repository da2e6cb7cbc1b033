"""Decode attention on encoded Blocks: compiles every variant, checks it against 64-bit PyTorch and the simple kernel, and times it
beside PyTorch's SDPA in bf16 on the same device. Prints one table. See README.md."""
import argparse
import math
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import torch
import torch.nn.functional as F
import warnings
from torch.nn.attention import SDPBackend, sdpa_kernel

from driver import Kernel, Work, median_us
from payloads import Format

SMS = torch.cuda.get_device_properties(0).multi_processor_count
OPEN, PADDING = 0x80000000, 0xC0000000


class Variant:
    """A kernel of one codec, head size and launch shape."""

    def __init__(self, name, bits, head_size, warps, ctas, slots=0, salient=0, high=0, **defines):
        self.name, self.bits, self.head_size, self.warps, self.ctas, self.salient, self.high = name, bits, head_size, warps, ctas, salient, high
        self.label = f"{name} d{head_size} {warps}w x{ctas}" + (f" s{slots}" if slots else "") + "".join(f" {k}={v}" for k, v in defines.items())
        self.defines = dict(HEAD_SIZE=head_size, BITS=bits, WARPS=warps, CTAS=ctas, **defines)
        per_channel = salient * high + (64 - salient) * bits
        if salient:
            self.defines |= dict(SALIENT=salient, HIGH=high)
        if slots:
            self.defines["SLOTS"] = slots
        slot = 2 * ((head_size * per_channel // 8 + 15) & ~15) + 512 + head_size + 32
        self.shared = 0 if bits == 16 else warps * (slots * slot + 2048)

    def compile(self):
        self.kernel = Kernel("decode_attention.cu", "decode_attention", self.defines, self.shared)
        return self


class Case:
    """Sequences of given lengths over random payloads, pages in random order."""

    def __init__(self, variant, lengths, kv_heads, group, copies=1, spread=1.0, float_io=True, chunks=None):
        self.format = Format(variant.bits, kv_heads, variant.head_size, variant.salient, variant.high)
        self.lengths, self.kv_heads, self.group, self.head_size = lengths, kv_heads, group, variant.head_size
        weight = max(1, 16 // variant.bits)
        blocks = sum(n // 64 for n in lengths)
        pages = torch.randperm(max(blocks, 1)).tolist()
        entries, starts, self.pages = [], [0], []
        for i, n in enumerate(lengths):
            mine = [pages.pop() for _ in range(n // 64)]
            self.pages.append(mine)
            entries += mine + ([OPEN | i] + [PADDING] * (weight - 1) if n % 64 else [])
            starts.append(len(entries))
        self.pools = [self.format.random(max(blocks, 1), spread) for _ in range(copies)]
        self.open_format = Format(16, kv_heads, variant.head_size)
        self.open = self.open_format.random(len(lengths))
        for i, n in enumerate(lengths):  # columns past the last token are zero
            k, v = self.open_format.decode(self.open[i:i + 1])
            k[:, :, n % 64:] = 0
            v[:, :, n % 64:] = 0
            whole = torch.cat((k.transpose(2, 3).reshape(1, kv_heads, -1), v.reshape(1, kv_heads, -1)), 2)
            self.open[i, : self.open_format.payload] = whole.half().view(torch.uint8).view(-1)
        heads = kv_heads * group
        self.query = torch.randn(len(lengths), heads, self.head_size, device="cuda") * 2
        self.query = self.query if float_io else self.query.bfloat16()
        self.entries = torch.tensor(entries, dtype=torch.int64).to(torch.uint32).cuda()
        self.starts = torch.tensor(starts, dtype=torch.int32).cuda()
        self.open_tokens = torch.tensor([n % 64 for n in lengths], dtype=torch.int32).cuda()
        self.grid = SMS * variant.ctas
        available = self.grid * variant.warps // kv_heads
        self.chunks = min(available, chunks or available)
        if self.chunks == 0:
            raise ValueError("fewer warps than heads")
        slots = self.chunks + len(lengths)
        self.partials = torch.full((slots, heads, self.head_size), math.nan, device="cuda")
        self.states = torch.full((slots, heads, 2), math.nan, device="cuda")
        self.output = torch.full((len(lengths), heads, self.head_size), math.nan, device="cuda", dtype=torch.float32 if float_io else torch.bfloat16)
        self.works = [self._work(pool, 3 if float_io else 0) for pool in self.pools]
        self.threads = variant.warps * 32
        self.bytes = blocks * self.format.payload

    def _work(self, pool, flags):
        return Work(self.query.data_ptr(), pool.data_ptr(), self.open.data_ptr(), self.entries.data_ptr(), self.starts.data_ptr(),
                    self.open_tokens.data_ptr(), self.partials.data_ptr(), self.states.data_ptr(), self.output.data_ptr(),
                    self.format.stride, self.open_format.stride, len(self.lengths), self.kv_heads, self.group, self.chunks,
                    1 / math.sqrt(self.head_size), flags)

    def launch(self, kernel, combine, i=0, early=True):
        work = self.works[i % len(self.works)]
        kernel.launch((self.grid, 1, 1), self.threads, work, early)
        if combine:
            rows = self.kv_heads * self.group * len(self.lengths)
            parts = 8 if rows <= SMS else 4 if rows <= 4 * SMS else 1
            combine.launch((self.kv_heads * self.group, len(self.lengths), 1), parts * self.head_size, work, early)

    def launch_simple(self, kernel):
        kernel.launch((self.kv_heads * self.group, len(self.lengths), 1), self.head_size, self.works[0])

    def oracle(self):
        result = torch.zeros(len(self.lengths), self.kv_heads, self.group, self.head_size, device="cuda", dtype=torch.float64)
        for i, n in enumerate(self.lengths):
            if n == 0:
                continue
            k, v = self.format.decode(self.pools[0][self.pages[i]]) if self.pages[i] else (None, None)
            parts = [] if k is None else [(k.transpose(0, 1).flatten(1, 2), v.transpose(0, 1).flatten(1, 2))]
            if n % 64:
                k, v = self.open_format.decode(self.open[i:i + 1])
                parts.append((k[0, :, : n % 64], v[0, :, : n % 64]))
            k, v = (torch.cat(x, 1) for x in zip(*parts))
            q = self.query[i].double().view(self.kv_heads, self.group, self.head_size)
            p = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(self.head_size), -1)
            result[i] = p @ v
        return result.view(len(self.lengths), -1, self.head_size)


def error(output, expected):
    return ((output.double() - expected).norm() / expected.norm().clamp_min(1e-30)).item()


def check(variant, combine, simple, rounds):
    worst = worst_simple = 0
    for _ in range(rounds):
        kv_heads, group = random.choice([1, 2, 3, 8]), random.choice([1, 3, 4, 7, 8])
        lengths = [random.choice([0, 1, 63, 64, 65, random.randrange(1, 700), 64 * random.randrange(1, 20)]) for _ in range(random.randrange(1, 40))]
        lengths[random.randrange(len(lengths))] = random.randrange(1, 3000)
        case = Case(variant, lengths, kv_heads, group, spread=random.choice([1.0, 0.01, 3.0]) if variant.bits < 16 else 1.0, chunks=random.choice([None, 1, 7]))
        expected = case.oracle()
        case.launch(variant.kernel, combine)
        worst = max(worst, error(case.output, expected))
        case.output.fill_(math.nan)
        case.launch_simple(simple)
        worst_simple = max(worst_simple, error(case.output, expected))
    return worst, worst_simple


def copy_bandwidth():
    a, b = (torch.empty(2 << 30, dtype=torch.uint8, device="cuda").random_() for _ in range(2))
    a, b = a.view(torch.int64), b.view(torch.int64)
    return 2 * a.nbytes / min(median_us(lambda i: b.copy_(a), 3), median_us(lambda i: torch.neg(a, out=b), 3)) * 1e-6


def sdpa_times(batch, tokens, kv_heads=8, group=4, size=128):
    sets = [[torch.randn(batch, kv_heads, tokens, size, device="cuda", dtype=torch.bfloat16) for _ in "kv"] for _ in range(2)]
    q = torch.randn(batch, kv_heads * group, 1, size, device="cuda", dtype=torch.bfloat16)
    times = {}
    times["default"] = median_us(lambda i: F.scaled_dot_product_attention(q, *sets[i % 2], enable_gqa=True), 6)
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                times[backend.name] = median_us(lambda i: F.scaled_dot_product_attention(q, *sets[i % 2], enable_gqa=True), 6)
        except RuntimeError as e:
            times[backend.name] = math.inf
    return times


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--variants", required=True, help="Python file that defines variants(Variant)")
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--sizes", default="32x4096,32x16384")
    options.add_argument("--no-sdpa", action="store_true")
    options.add_argument("--no-check", action="store_true")
    options = options.parse_args()
    warnings.filterwarnings("ignore")
    random.seed(5)
    torch.manual_seed(5)
    torch.zeros(1, device="cuda")  # makes the context that everything shares
    scope = {}
    exec(open(options.variants).read(), scope)
    variants = scope["variants"](Variant)
    most = torch.cuda.get_device_properties(0).shared_memory_per_block_optin
    variants = [v for v in variants if v.shared <= most]
    sizes = [tuple(map(int, s.split("x"))) for s in options.sizes.split(",")]
    formats = {(v.bits, v.head_size, v.salient, v.high) for v in variants}
    begun = time.time()
    with ThreadPoolExecutor(16) as pool:
        simple_jobs = {f: pool.submit(Kernel, "simple_attention.cu", "simple_attention", dict(BITS=f[0], HEAD_SIZE=f[1]) | (dict(SALIENT=f[2], HIGH=f[3]) if f[2] else {})) for f in formats}
        combine_jobs = {d: pool.submit(Kernel, "combine_attention.cu", "combine", dict(HEAD_SIZE=d)) for d in (64, 128)}
        built = list(pool.map(_built, variants))
    simple = {f: job.result().load() for f, job in simple_jobs.items()}
    combine = {d: job.result().load() for d, job in combine_jobs.items()}
    print(f"{torch.cuda.get_device_name()}, {torch.__version__}, compiled {len(variants)} variants in {time.time() - begun:.0f} s")
    for variant, problem in built:
        if problem:
            print(f"FAILED {variant.label}: {problem[-1500:]}")
        else:
            variant.kernel.load()
    variants = [v for v, problem in built if not problem]
    copy = copy_bandwidth()
    print(f"copy {copy:.2f} TB/s (read + written)", flush=True)
    sdpa = {}
    for batch, tokens in sizes:
        times = {} if options.no_sdpa else sdpa_times(batch, tokens)
        sdpa[batch, tokens] = min(times.values(), default=math.nan)
        print(f"SDPA bf16 {batch}x{tokens}: " + ", ".join(f"{k} {v:.1f} us" for k, v in times.items()), flush=True)
    print(f"{'variant':34} {'registers':28} {'error':>8} {'simple':>8}" + "".join(f" | {b}x{t} us, apart, alone TB/s %copy xSDPA" for b, t in sizes))
    for v in variants:
        try:
            worst, worst_simple = (math.nan, math.nan) if options.no_check else check(v, combine[v.head_size], simple[v.bits, v.head_size, v.salient, v.high], options.rounds)
            row = f"{v.label:34} {v.kernel.report[:28]:28} {worst:8.1e} {worst_simple:8.1e}"
            for batch, tokens in sizes if v.head_size == 128 else []:
                per = Case(v, [64], 8, 4).bytes * batch * tokens // 64
                case = Case(v, [tokens] * batch, 8, 4, copies=max(2, math.ceil(240e6 / per)), float_io=False)
                us = median_us(lambda i: case.launch(v.kernel, combine[128], i), 12)
                apart = median_us(lambda i: case.launch(v.kernel, combine[128], i, early=False), 12)
                alone = median_us(lambda i: case.launch(v.kernel, None, i, early=False), 12)
                rate = case.bytes / us * 1e-6
                row += f" | {us:7.1f} {apart:6.1f} {alone:6.1f} {rate:5.2f} {100 * rate / copy:4.0f}% {sdpa[batch, tokens] / us:5.2f}"
                del case
            print(row, flush=True)
        except RuntimeError as e:
            print(f"FAILED {v.label}: {str(e)[-600:]}", flush=True)
            if "CUDA" in str(e):
                sys.exit(1)


def _built(variant):
    try:
        return variant.compile(), None
    except RuntimeError as e:
        return variant, str(e)


if __name__ == "__main__":
    main()
