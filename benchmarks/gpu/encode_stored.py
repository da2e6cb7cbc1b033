"""Encoding by tables on the device: times encode_stored.cu for a layer of Llama-3-8B, of codecs whose tables are made here by docs/slab-format.md. That the bytes are
the codec's is a test of the C# project. Prints one table. See README.md."""
import argparse
import ctypes
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch

from driver import Kernel, median_us
from encode import Item, Work

SPECS = {"kcvt4": (4, 0, 0.0), "gear": (4, 2, 0.02), "gear-l": (4, 4, 0.0), "gear(bits=2)": (2, 2, 0.02), "kivi2(group=64)": (2, 0, 0.0)}
KEYS = 0.8
TOKENS, BINS, THREADS = 64, 1024, 256


class Table(ctypes.Structure):
    """struct StoredTable of stored.cuh."""
    _fields_ = [(n, ctypes.c_void_p) for n in ("heads", "runs", "members", "maps", "spans")] + [(n, ctypes.c_int) for n in ("headCount", "bytes", "tokens", "chosen")]


class StoredWork(ctypes.Structure):
    """struct StoredEncodeWork of encode_stored.cuh."""
    _fields_ = [("blocks", Work), ("table", Table), ("places", ctypes.c_void_p), ("scratchEach", ctypes.c_uint64), ("zerosAt", ctypes.c_int * 2), ("zeros", ctypes.c_int * 2),
                ("layer", ctypes.c_int), ("tileFloats", ctypes.c_int)]


def device(values):
    return torch.tensor(values, dtype=torch.int32, device="cuda")


class Layer:
    """The table of one layer of `count` heads of `d` channels, and the room that its encoding takes."""

    def __init__(self, bits, rank, sparse, count, d):
        self.bits, self.d, self.count = bits, d, count
        self.key_codes = 4 * count * d
        self.values = self.key_codes + 8 * bits * d * count
        self.residual = self.values + (256 + 8 * bits * d * count if bits == 4 else sum(256 + 8 * bits * min(64, d - g) for g in range(0, d, 64)) * count)
        self.runs, heads, places, at, self.scratch, self.region = [], [], [], self.residual, 2 * 2 * TOKENS * count, 0
        ranks = (round(2 * rank * KEYS + 1e-9), 2 * rank - round(2 * rank * KEYS + 1e-9))
        both = round(sparse * 2 * TOKENS * d)
        outliers = (round(both * KEYS), both - round(both * KEYS))
        for h in range(count):
            first = len(self.runs)
            self.runs.append((2, bits, self.key_codes + 8 * bits * d * h, 0, d, 0, TOKENS, 2 * d * h, 2 * d * count + 2 * d * h, -1, -1, 0))
            if bits == 4:
                self.runs.append((1, 4, self.values + 256 + 32 * d * h, 0, d, 0, TOKENS, self.values, self.values + 128, -1, -1, 0))
            else:
                for g in range(0, d, 64):
                    start = self.values + (256 + 8 * bits * 64) * (h * d // 64 + g // 64)
                    self.runs.append((1, bits, start + 256, g, min(64, d - g), 0, TOKENS, start, start + 128, -1, -1, 0))
            residuals = []
            place = [-1] * 6
            for tensor, (rows, columns) in enumerate(((d, TOKENS), (TOKENS, d))):
                r, n = ranks[tensor], outliers[tensor]
                slots = (n + rows * columns // 255 + 7) // 8 * 8 if n else 0
                left = at + 4 * r
                right = left + r * rows // 2
                scale = right + r * columns // 2
                gaps = scale + (4 if n else 0)
                residuals += [rows, columns, r, n, slots, at, left, right, scale, gaps, gaps + slots, 0]
                at = gaps + 2 * slots
                if n and bits == 4 and tensor:
                    place[1], self.scratch = self.scratch, self.scratch + TOKENS * d
                if n:
                    place[2 + tensor], self.scratch = self.scratch, self.scratch + (3 * n + 3) // 4 * 4
                fit = 16 + 4 * (r * (rows + 2 * columns) + r * r) + 8 * (2 * r * r + r)
                self.region = max(self.region, 16 + 8 * THREADS + 4 * max(2 * d, 3 * rows), fit, 16 + THREADS // 8 + 4 * BINS + 4 * rows + rows * columns // 4 if n else 0)
            places += place
            heads += [d, d, first, first + 1, 1, len(self.runs) - first - 1, 1, h] + [-1] * 9 + [0] * 3 + residuals
        self.bytes, self.tile = at, TOKENS * d
        self.arrays = [device(heads), device(self.runs), device(list(range(count))), device(places)]
        self.shared = 4 * self.tile + (self.region + 15) // 16 * 16
        self.defines = dict(HEAD_SIZE=d, CHANNELS=d, SPILLS=0, MAPS=0, OUTLIERS=int(sparse > 0), RANKS=int(rank > 0), KEYS_SHARED=0, VALUES_SHARED=int(bits == 4), STEPS=0)
        self.entries = ["begin_stored"] + ["finish_stored"] * (bits == 4)

    def work(self, blocks):
        d, count = self.d, self.count
        x = torch.randn(blocks, count, 2, TOKENS * d, device="cuda") * torch.exp(torch.randn(blocks, count, 2, TOKENS * d, device="cuda") * 0.3)
        self.open = x.half()
        stride = (self.bytes + 127) & ~127
        self.out = torch.full((2, blocks, stride), 255, device="cuda", dtype=torch.uint8)
        self.items = torch.frombuffer(bytearray(b"".join(bytes(Item(i, 1, i, i, 0, -1)) for i in range(blocks))), dtype=torch.uint8).cuda()
        self.room = torch.full((blocks * self.scratch,), float("nan"), device="cuda")
        heads, runs, members, places = (a.data_ptr() for a in self.arrays)
        encode = Work(0, 0, 0, self.open.data_ptr(), 0, self.out[0].data_ptr(), self.out[1].data_ptr(), self.items.data_ptr(), self.room.data_ptr(), 4 * TOKENS * d * count, 0, stride,
                      stride, 0, 0, 0, count, 4, blocks, 0, 0.0)
        table = Table(heads, runs, members, 0, 0, count, self.bytes, TOKENS, -1)
        return StoredWork(encode, table, places, self.scratch, (ctypes.c_int * 2)(), (ctypes.c_int * 2)(), 1, self.tile)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--blocks", type=int, default=64)
    options = options.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(9)
    layers = {spec: Layer(*parameters, 8, 128) for spec, parameters in SPECS.items()}
    with ThreadPoolExecutor(8) as pool:
        jobs = {spec: [pool.submit(Kernel, "encode_stored.cu", entry, layer.defines, layer.shared) for entry in layer.entries] for spec, layer in layers.items()}
    print(torch.cuda.get_device_name(), torch.__version__)
    print(f"codec | bytes of a Block and layer | us a layer of {options.blocks} Blocks of 8 heads of 128: all, each kernel | ms in 32 layers")
    for spec, layer in layers.items():
        kernels = [job.result().load() for job in jobs[spec]]
        work = layer.work(options.blocks)

        def launch(some):
            for kernel in some:
                kernel.launch((layer.count, options.blocks, 2 if kernel.entry == "begin_stored" else 1), THREADS, work)

        launch(kernels)
        torch.cuda.synchronize()
        scales = layer.out[1][:, layer.values:layer.values + 128].contiguous().view(torch.float16)
        if layer.bits == 4 and not (scales.isfinite().all() and (scales > 0).all()):
            raise RuntimeError(f"{spec}: a scale of V is not a number")
        times = [median_us(lambda i: launch(some), 12) for some in [kernels, *([k] for k in kernels)]]
        print(f"{spec:18} {layer.bytes:7} | " + ", ".join(f"{t:.1f}" for t in times) + f" | {times[0] * 32 / 1000:.2f} | "
              + ", ".join(f"{k.entry} {k.report}" for k in kernels) + f", {layer.shared} B shared", flush=True)


if __name__ == "__main__":
    main()
