"""Work on fixed memory, recorded once as a CUDA graph and then replayed by a single launch."""

from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor

STEPS = 32
"""Of a recurrence, in a graph"""
GRAPHS = 8
"""Of a recurrence, kept each way: those that served last"""


class StepGraph:
    """Steps of a recurrence on memory of their own, which serves one sequence at a time, and the graph of many of them.

    Whoever makes one asks for its memory, has it captured, and holds its lock while a sequence runs.
    """

    def __init__(self, device: torch.device) -> None:
        self.device, self.lock = device, Lock()

    def room(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Memory of its own, which training may use too where it is first made without gradients."""
        with torch.inference_mode(False):
            return torch.zeros(shape, dtype=dtype, device=self.device)

    def capture(self) -> None:
        """Record ``STEPS`` steps, once all memory is there."""
        self.replay = captured(lambda: self.steps(STEPS), self.device)

    def steps(self, count: int) -> None:
        """So many steps from what the memory holds, one by one."""
        raise NotImplementedError

    def run(self, count: int) -> None:
        """So many steps, as a graph where they are as many as it has."""
        if count == STEPS:
            self.replay()
        else:
            self.steps(count)


def stream_of(x: Tensor) -> int:
    """On which a graph for x is replayed: memory may be used again when what was launched there before is done."""
    return torch.cuda.current_stream(x.device).cuda_stream if x.is_cuda else 0


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
