// Tests count the buffers of the process's slab pool.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
