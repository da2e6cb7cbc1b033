def variants(V):
    zip42, zip43 = dict(salient=16, high=4), dict(salient=16, high=4)
    return [
        V("int4", 4, 128, 4, 2, 3), V("int4", 4, 128, 6, 2, 2), V("int4", 4, 128, 4, 3, 2), V("int4", 4, 128, 12, 1, 2), V("int4", 4, 128, 5, 2, 2), V("int4", 4, 64, 4, 2, 3), V("int4", 4, 64, 4, 4, 2),
        V("int8", 8, 128, 6, 1, 2), V("int8", 8, 64, 4, 2, 3),
        V("int2", 2, 128, 4, 2, 4), V("int2", 2, 128, 4, 3, 3), V("int2", 2, 128, 4, 4, 2), V("int2", 2, 64, 4, 4, 2),
        V("zip42", 2, 128, 4, 2, 3, **zip42), V("zip42", 2, 128, 4, 3, 2, **zip42), V("zip42", 2, 128, 4, 4, 2, **zip42), V("zip42", 2, 64, 4, 3, 2, **zip42), V("zip42 s50", 2, 128, 4, 3, 2, salient=32, high=4),
        V("zip43", 3, 128, 4, 2, 3, **zip43), V("zip43", 3, 128, 4, 3, 2, **zip43), V("zip43", 3, 64, 4, 3, 2, **zip43), V("zip43 s75", 3, 128, 4, 2, 3, salient=48, high=4), V("zip43 s50", 3, 64, 4, 2, 3, salient=32, high=4),
        V("raw", 16, 128, 4, 3, BURST=2), V("raw", 16, 128, 4, 4, BURST=2), V("raw", 16, 128, 4, 2, BURST=4), V("raw", 16, 128, 4, 3, BURST=4), V("raw", 16, 64, 4, 3, BURST=4),
        V("raw plain", 16, 128, 4, 3, BURST=4, LOAD_HINT='""'), V("raw na", 16, 128, 4, 3, BURST=4, LOAD_HINT='".L1::no_allocate"'), V("raw na128", 16, 128, 4, 3, BURST=4, LOAD_HINT='".L1::no_allocate.L2::128B"'), V("raw ef", 16, 128, 4, 3, BURST=4, LOAD_HINT='".L1::no_allocate.L2::evict_first"'),
    ]
