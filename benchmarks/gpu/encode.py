"""Encoding Blocks on the device: compiles the kernels for every format, checks on random Blocks that payloads decode to what was encoded, to half a step,
and that the most salient tokens have more bits, and times a layer. Prints one table. See README.md."""
import argparse
import ctypes
import math
import random
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch

from driver import Kernel, median_us
from payloads import Format

FORMATS = {"raw": (16, 0, 0), "int8": (8, 0, 0), "int4": (4, 0, 0), "int2": (2, 0, 0), "zipcache(keybits=mixed,low=3)": (3, 16, 4), "zipcache(keybits=mixed)": (2, 16, 4),
           "zipcache(keybits=mixed,low=3,salient=0.75)": (3, 48, 4), "zipcache(keybits=mixed,salient=0.5)": (2, 32, 4)}


class Item(ctypes.Structure):
    """struct EncodeItem of encode.cuh."""
    _fields_ = [(n, ctypes.c_int) for n in ("source", "isOpen", "pooled", "slab")] + [("probes", ctypes.c_uint64), ("queries", ctypes.c_int), ("unused", ctypes.c_int)]


class Work(ctypes.Structure):
    """struct EncodeWork of encode.cuh."""
    _fields_ = [(n, ctypes.c_void_p) for n in ("query", "key", "value", "open", "queries", "sealed", "slabs", "items", "scratch")] \
        + [(n, ctypes.c_uint64) for n in ("openStride", "queriesStride", "sealedStride", "slabStride")] \
        + [(n, ctypes.c_int) for n in ("queryStride", "keyStride", "valueStride", "kvHeads", "group", "count", "norm")] + [("softmaxScale", ctypes.c_float)]


class Case:
    """Blocks in rows, as a GEMM leaves them, and in open Blocks."""

    def __init__(self, bits, salient, high, head_size, kv_heads, group, rows_blocks, open_blocks, probes=7, norm=0):
        self.format, self.head_size, self.kv_heads, self.group, self.norm = Format(bits, kv_heads, head_size, salient, high), head_size, kv_heads, group, norm
        count, heads = rows_blocks + open_blocks, kv_heads * group
        self.count, self.rows_blocks = count, rows_blocks
        x = torch.randn(count * 64, heads + 2 * kv_heads, head_size, device="cuda")
        x[:, heads:] *= torch.exp(torch.randn(2 * kv_heads, head_size, device="cuda"))
        x[:, heads:] *= torch.exp(0.3 * torch.randn(count * 64, 1, 1, device="cuda"))
        self.x = x.half()
        self.q, self.k, self.v = self.x.split([heads, kv_heads, kv_heads], 1)
        blocks = lambda t: t.view(count, 64, kv_heads, head_size)[rows_blocks:]
        self.open = torch.cat((blocks(self.k.contiguous()).permute(0, 2, 3, 1).flatten(2), blocks(self.v.contiguous()).permute(0, 2, 1, 3).flatten(2)), 2).contiguous()
        self.probes = [sorted(random.sample(range(64), min(probes, 64) - 1)) for _ in range(count)] if probes < 64 else [list(range(64))] * count
        self.probes = [sorted(set(p) | {63}) for p in self.probes]
        self.most = max(len(p) for p in self.probes)
        self.queries = torch.zeros(max(open_blocks, 1), self.most, heads, head_size, device="cuda", dtype=torch.float16)
        for i in range(open_blocks):
            at = torch.tensor(self.probes[rows_blocks + i], device="cuda") + 64 * (rows_blocks + i)
            self.queries[i, :len(at)] = self.q[at]
        slab = (self.format.payload + 63) & ~63
        self.pool = torch.full((count, self.format.stride), 255, device="cuda", dtype=torch.uint8)
        self.slabs = torch.full((count, slab), 255, device="cuda", dtype=torch.uint8)
        self.places = torch.randperm(count).tolist(), torch.randperm(count).tolist()
        mask = lambda p: sum(1 << t for t in p)
        items = [Item(64 * i if i < rows_blocks else i - rows_blocks, i >= rows_blocks, self.places[0][i], self.places[1][i], mask(self.probes[i]), -1 if i < rows_blocks else i - rows_blocks)
                 for i in range(count)]
        data = b"".join(bytes(i) for i in items)
        self.items = torch.frombuffer(bytearray(data), dtype=torch.uint8).cuda()
        self.scratch = torch.full((count * kv_heads * (320 + 2 * head_size),), math.nan, device="cuda")
        at, width = self.x.data_ptr(), self.x.shape[1] * head_size
        self.work = Work(at, at + 2 * heads * head_size, at + 2 * (heads + kv_heads) * head_size, self.open.data_ptr(), self.queries.data_ptr(), self.pool.data_ptr(),
                         self.slabs.data_ptr(), self.items.data_ptr(), self.scratch.data_ptr(), 256 * kv_heads * head_size, self.most * heads * head_size,
                         self.format.stride, slab, width, width, width, kv_heads, group, count, norm, 1 / math.sqrt(head_size))

    def launch(self, kernels):
        for kernel in kernels:
            kernel.launch((self.kv_heads, self.count, 2), 128, self.work)

    def saliency(self, i):
        at = torch.tensor(self.probes[i], device="cuda")
        q = self.q[64 * i + at].double().view(len(at), self.kv_heads, self.group, -1)
        k = self.k[64 * i:64 * i + 64].double()
        s = torch.einsum("phgd,khd->phgk", q, k) / math.sqrt(self.head_size)
        s.masked_fill_(torch.arange(64, device="cuda") > at[:, None, None, None], -math.inf)
        sums = s.softmax(-1).sum((0, 1, 2))
        token = torch.arange(64, device="cuda")
        seen = [(at[None] >= token[:, None]).sum(1), 64 - token, torch.ones(64, device="cuda")][self.norm]
        return torch.where(seen > 0, sums / seen.clamp_min(1), 0)

    def check(self):
        """Greatest error in half steps; how far a token that was not chosen is above one that was, relatively."""
        f, worst, missed = self.format, 0.0, 0.0
        for i in range(self.count):
            pooled, slab = self.pool[self.places[0][i]][None], self.slabs[self.places[1][i]]
            k, v = (t[64 * i:64 * i + 64].double().transpose(0, 1) for t in (self.k, self.v))
            if f.bits == 16:
                for place in (pooled, slab[None, :f.payload]):
                    if not all(torch.equal(a[0], b) for a, b in zip(f.decode(place), (k, v))):
                        worst = math.inf
                continue
            if not torch.equal(pooled[0, :f.tensor], slab[:f.tensor]) or not torch.equal(pooled[0, f.values:f.values + f.tensor], slab[f.tensor:2 * f.tensor]):
                worst = math.inf  # the two places differ
            order = torch.arange(64, device="cuda")
            if f.salient:
                mask = int.from_bytes(bytes(slab[2 * f.tensor:2 * f.tensor + 8].tolist()), "little")
                chosen = [t for t in range(64) if mask >> t & 1]
                if len(chosen) != f.salient:
                    return math.inf, math.inf
                others = [t for t in range(64) if not mask >> t & 1]
                order = torch.tensor(chosen + others, device="cuda")
                saliency = self.saliency(i)
                low, high = saliency[chosen].min().item(), saliency[others].max().item()
                missed = max(missed, (high - low) / max(high, 1e-30))
            for x, is_key, at in ((k, True, 0), (v, False, f.values)):
                y = f._tensor(pooled[:, at:at + f.tensor], is_key)[0]
                scale = pooled[0, at:at + 128].contiguous().view(torch.float16).double()[None, :, None]
                steps = f._tensor(_unit(pooled[:, at:at + f.tensor].clone()), is_key)[0]
                worst = max(worst, ((y - x[:, order]).abs() / (scale * steps / 2)).max().item())
        return worst, missed


def _unit(data):
    """Scale 0 and zero 1: what decodes to channel scales."""
    data[:, :128] = 0
    data[:, 128:256] = torch.tensor([0x00, 0x3C] * 64, device="cuda", dtype=torch.uint8)
    return data


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--no-times", action="store_true")
    options = options.parse_args()
    warnings.filterwarnings("ignore")
    random.seed(9)
    torch.manual_seed(9)
    torch.zeros(1, device="cuda")
    jobs = {}
    with ThreadPoolExecutor(16) as pool:
        for name, (bits, salient, high) in FORMATS.items():
            for d in (128, 64):
                defines = dict(BITS=bits, HEAD_SIZE=d) | (dict(SALIENT=salient, HIGH=high) if salient else {})
                jobs[name, d] = [pool.submit(Kernel, "encode_raw.cu", "write_codes", defines)] if bits == 16 else [
                    pool.submit(Kernel, "encode_blocks.cu", entry, defines) for entry in ("find_ranges", "write_codes")]
    print(torch.cuda.get_device_name(), torch.__version__)
    print("format | greatest error, half steps | salient tokens missed by, relatively | us a layer of 8 heads of 128: 64 Blocks, 8 Blocks, 64 Blocks of no probes' queries")
    for (name, d), built in jobs.items():
        kernels = [job.result().load() for job in built]
        worst, missed = 0.0, 0.0
        for _ in range(options.rounds):
            case = Case(*FORMATS[name], d, random.choice([1, 2, 3, 8]), random.choice([1, 3, 4, 7, 8]), random.randrange(0, 5), random.randrange(1, 4),
                        random.choice([1, 7, 7, 12, 64]), random.choice([0, 0, 1, 2]))
            case.launch(kernels)
            worst, missed = (max(a, b) for a, b in zip((worst, missed), case.check()))
        row = f"{name + f' d{d}':34} {worst:9.6f} {missed:9.1e} " + ", ".join(kernel.report for kernel in kernels)
        if d == 128 and not options.no_times:
            for blocks in (64, 8):
                case = Case(*FORMATS[name], d, 8, 4, blocks, 0)
                row += f" | {median_us(lambda i: case.launch(kernels), 12):6.1f}"
                if blocks == 64 and len(kernels) > 1:
                    row += " (" + ", ".join(f"{median_us(lambda i: case.launch([kernel]), 12):.1f}" for kernel in kernels) + ")"
        print(row, flush=True)


if __name__ == "__main__":
    main()
