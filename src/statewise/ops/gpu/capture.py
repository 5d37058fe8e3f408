"""Work on fixed memory, recorded once as a CUDA graph and then replayed by a single launch."""

from collections.abc import Callable

import torch


def captured(work: Callable[[], None], device: torch.device) -> Callable[[], object]:
    """What does the same as ``work``, with one launch; elsewhere than on a GPU it is ``work`` itself.

    Args:
        work: reads and writes the same memory at every call, allocates none and waits for nothing. It is called a few
            times here, so that whatever it has compiled is there before it is recorded.
        device: where the memory is.

    >>> total = torch.zeros(())
    >>> again = captured(lambda: total.add_(1), total.device)
    >>> again(), total
    (tensor(1.), tensor(1.))
    """
    if device.type != "cuda":
        return work
    with torch.cuda.device(device):
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                work()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            work()
    return graph.replay
