"""CUDA driver calls and nvcc, as little as the benchmarks need; contexts and streams are PyTorch's."""
import ctypes
import os
import subprocess
import tempfile

import torch

KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "Inference", "Backends", "Cuda", "Kernels")
_cuda = ctypes.CDLL("libcuda.so.1")


def check(result, call):
    if result:
        text = ctypes.c_char_p()
        _cuda.cuGetErrorName(result, ctypes.byref(text))
        raise RuntimeError(f"{call}: {text.value.decode() if text.value else result}")


class Kernel:
    """One entry of a .cu file, compiled for this device with `defines`."""

    def __init__(self, file, entry, defines, shared_bytes=0):
        self.shared_bytes = shared_bytes
        self.entry = entry
        arch = "%d%d" % torch.cuda.get_device_capability()
        arch += "a" if arch == "90" else ""
        path = tempfile.mktemp(suffix=".cubin")
        command = ["nvcc", "-cubin", f"-gencode=arch=compute_{arch},code=sm_{arch}", "-std=c++17", "-O3", "-lineinfo", "-Xptxas", "-v", "-I", KERNELS, "-o", path,
                   *(f"-D{k}={v}" for k, v in defines.items()), os.path.join(KERNELS, file)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        self.path = path
        self.warnings = [line for line in done.stderr.splitlines() if "Potential" in line or "setmaxnreg" in line]
        lines = [line for line in done.stderr.splitlines() if "Used " in line or "spill" in line]
        self.report = " ".join(f"{n}" for n in [next((part.strip().split()[1] for line in lines for part in line.replace("ptxas info    :", "").split(",") if "registers" in part), "?") + " regs", *(part.strip().replace("bytes spill ", "B ") for line in lines for part in line.split(",") if "spill" in part and not part.strip().startswith("0 "))])

    def load(self):
        module = ctypes.c_void_p()
        check(_cuda.cuModuleLoad(ctypes.byref(module), self.path.encode()), "cuModuleLoad")
        self.function = ctypes.c_void_p()
        check(_cuda.cuModuleGetFunction(ctypes.byref(self.function), module, self.entry.encode()), "cuModuleGetFunction")
        if self.shared_bytes > 48 << 10:
            check(_cuda.cuFuncSetAttribute(self.function, 8, self.shared_bytes), "cuFuncSetAttribute")
        return self

    def launch(self, grid, threads, argument, early=True):
        """early: programmatic dependent launch, the kernel may start before the one ahead of it has ended."""
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(argument))
        attribute = _Attribute(6, 0, 1)
        config = _Config(*grid, threads, 1, 1, self.shared_bytes, torch.cuda.current_stream().cuda_stream, ctypes.addressof(attribute), 1 if early else 0)
        check(_cuda.cuLaunchKernelEx(ctypes.byref(config), self.function, pointers, None), f"cuLaunchKernelEx {self.entry}")


class _Attribute(ctypes.Structure):
    """CUlaunchAttribute."""
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_int), ("rest", ctypes.c_byte * 60)]


class _Config(ctypes.Structure):
    """CUlaunchConfig."""
    _fields_ = [(name, ctypes.c_uint) for name in ("gx", "gy", "gz", "bx", "by", "bz", "shared")] \
        + [("stream", ctypes.c_void_p), ("attributes", ctypes.c_void_p), ("count", ctypes.c_uint)]


class Work(ctypes.Structure):
    """struct Work of work.cuh."""
    _fields_ = [(name, ctypes.c_void_p) for name in ("query", "sealed", "open", "entries", "starts", "openTokens", "partials", "states", "output")] \
        + [("sealedStride", ctypes.c_uint64), ("openStride", ctypes.c_uint64)] \
        + [(name, ctypes.c_int) for name in ("sequences", "kvHeads", "group", "chunks")] + [("softmaxScale", ctypes.c_float), ("flags", ctypes.c_int)]


class TensorMap(ctypes.Structure):
    """CUtensorMap."""
    _fields_ = [("words", ctypes.c_uint64 * 16)]


def tensor_map(address, columns, rows, stride, box_rows):
    """A matrix of 16-bit floats, read in boxes of 64 columns, swizzled by 128 bytes; `stride` in elements."""
    room = ctypes.create_string_buffer(192)
    at = (ctypes.addressof(room) + 63) & ~63
    sizes, strides = (ctypes.c_uint64 * 2)(columns, rows), (ctypes.c_uint64 * 1)(2 * stride)
    box, steps = (ctypes.c_uint32 * 2)(64, box_rows), (ctypes.c_uint32 * 2)(1, 1)
    check(_cuda.cuTensorMapEncodeTiled(ctypes.c_void_p(at), 6, 2, ctypes.c_void_p(address), sizes, strides, box, steps, 0, 3, 3, 0), "cuTensorMapEncodeTiled")
    return TensorMap.from_buffer_copy(ctypes.string_at(at, 128))


def median_us(launches, count, repeats=15):
    """Median time of one of `count` launches in a graph; `launches(i)` issues the i-th."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for i in range(count):
            launches(i)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for i in range(count):
            launches(i)
    times = []
    for _ in range(repeats + 2):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) * 1000 / count)
    return sorted(times[2:])[repeats // 2]
