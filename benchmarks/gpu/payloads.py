"""Random well-formed payloads of one layer (docs/slab-format.md, layout `rows`) as they lie in the device's pool, and what they stand for, in PyTorch.

Written from the format's page, apart from the kernels: the oracle of their check."""
import torch


class Format:
    def __init__(self, bits, kv_heads, head_size, salient=0, high=0):
        self.bits, self.kv_heads, self.head_size, self.salient, self.high = bits, kv_heads, head_size, salient, high
        self.segments = ([(salient, high)] if salient else []) + [(64 - salient, bits)]
        channels = kv_heads * head_size
        self.codes = head_size * sum(n * b for n, b in self.segments) // 8
        self.tensor = (256 + kv_heads * self.codes + channels // 2 + kv_heads + 15) & ~15
        self.values = (self.tensor + 127) & ~127  # in the device's pool V begins at a multiple of 128
        self.payload = 256 * channels if bits == 16 else 2 * self.tensor + (8 if salient else 0)
        self.stride = (256 * channels if bits == 16 else self.values + self.tensor + 127) & ~127

    def random(self, count, spread=1.0):
        """[count, stride] bytes."""
        if self.bits == 16:
            return (torch.randn(count, self.stride // 2, device="cuda", dtype=torch.float16) * spread).view(torch.uint8)
        pool = torch.randint(0, 256, (count, self.stride), device="cuda", dtype=torch.uint8)
        steps = 256 + self.kv_heads * self.codes
        for at in (0, self.values):
            # a token's range is about 2.2 over channels divided by their scales; channel scales are near 1
            levels = torch.full((64,), 2.0 ** self.bits - 1, device="cuda")
            if self.salient:
                levels[: self.salient] = 2.0 ** self.high - 1
            span = (1.5 + 1.5 * torch.rand(count, 64, device="cuda")) * spread
            pool[:, at:at + 128] = (span / levels).half().view(torch.uint8)
            pool[:, at + 128:at + 256] = (-span * (0.3 + 0.4 * torch.rand(count, 64, device="cuda"))).half().view(torch.uint8)
            end = at + steps + self.kv_heads * self.head_size // 2
            pool[:, at + steps:end] &= 0x77
            pool[:, end:end + self.kv_heads] = torch.randint(120, 136, (count, self.kv_heads), device="cuda", dtype=torch.uint8)
        return pool

    def decode(self, pool):
        """K and V, each [count, kv_heads, 64, head_size], 64-bit."""
        count, heads, size = pool.shape[0], self.kv_heads, self.head_size
        if self.bits == 16:
            x = pool[:, : self.payload].contiguous().view(torch.float16).double().view(count, heads, 2, 64 * size)
            return x[:, :, 0].view(count, heads, size, 64).transpose(2, 3), x[:, :, 1].view(count, heads, 64, size)
        return self._tensor(pool[:, : self.tensor], True), self._tensor(pool[:, self.values: self.values + self.tensor], False)

    def _tensor(self, data, is_key):
        count, heads, size = data.shape[0], self.kv_heads, self.head_size
        scale = data[:, :128].contiguous().view(torch.float16).double()[:, None, :, None]
        zero = data[:, 128:256].contiguous().view(torch.float16).double()[:, None, :, None]
        steps_at = 256 + heads * self.codes
        steps = _codes(data[:, steps_at: steps_at + heads * size // 2], 4).view(count, heads, 1, size)
        greatest = data[:, steps_at + heads * size // 2:][:, :heads].int()[:, :, None, None]
        channel = ((greatest - 2 * steps + 888) << 20).int().view(torch.float32).double()
        head_codes = data[:, 256:steps_at].reshape(count, heads, self.codes)
        parts, at = [], 0
        for tokens, bits in self.segments:
            part = _codes(head_codes[:, :, at: at + size * tokens * bits // 8], bits)
            at += size * tokens * bits // 8
            parts.append(part.view(count, heads, size, tokens).transpose(2, 3) if is_key else part.view(count, heads, tokens, size))
        return (torch.cat(parts, 2).double() * scale + zero) * channel


def _codes(data, bits):
    data = data.contiguous()
    if bits == 8:
        return data.int()
    if bits == 4:
        groups = data.view(*data.shape[:-1], -1, 8).int()
        return torch.cat((groups & 15, groups >> 4), -1).view(*data.shape[:-1], -1)
    each = (data.int()[..., None] >> torch.arange(8, device=data.device)) & 1
    each = each.view(*data.shape[:-1], -1, bits)
    return (each << torch.arange(bits, device=data.device)).sum(-1).int()
