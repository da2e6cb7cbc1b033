"""What attention.py compiles: codec, bits, head size, warps of a block, blocks of a multiprocessor, slots of a warp's ring."""


def variants(V):
    quarter, half = dict(salient=16, high=4), dict(salient=32, high=4)
    return [
        V("raw", 16, 128, 4, 2), V("raw", 16, 128, 7, 1), V("raw", 16, 64, 4, 2),
        V("int8", 8, 128, 4, 1, 3), V("int8", 8, 128, 6, 1, 2), V("int8", 8, 64, 4, 2, 3),
        V("int4", 4, 128, 4, 2, 3), V("int4", 4, 128, 6, 2, 2), V("int4", 4, 64, 4, 2, 4),
        V("int2", 2, 128, 4, 2, 4), V("int2", 2, 128, 4, 3, 3), V("int2", 2, 64, 4, 2, 4),
        V("zipcache 4/2", 2, 128, 4, 2, 4, **quarter), V("zipcache 4/2", 2, 128, 4, 3, 2, **quarter), V("zipcache 4/2 half", 2, 128, 4, 2, 3, **half),
        V("zipcache 4/2", 2, 64, 4, 2, 4, **quarter),
        V("zipcache 4/3", 3, 128, 4, 2, 3, **quarter), V("zipcache 4/3", 3, 128, 4, 3, 2, **quarter), V("zipcache 4/3", 3, 64, 4, 2, 4, **quarter),
    ]
