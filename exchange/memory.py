"""Which allocator Arrow takes its buffers from. Must not know what the buffers hold."""

import pyarrow as pa


def choose_pool() -> None:
    """Lets Arrow take memory from jemalloc where its build has it.

    It keeps pages for the next batch; the default gives them back and pays a page fault for each one again, which is
    dear on a virtual machine.
    """
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
