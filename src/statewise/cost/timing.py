"""Measured time and memory, one thing at a time on one thread."""

import statistics
import time

import torch

from statewise.contract import SequenceLayer, example_input, take_step


def step_latency(layer: SequenceLayer, *, repeats: int = 50) -> float:
    """Median microseconds of one time step of one row by ``layer.stepper``, without gradients, after a warm-up."""
    training = layer.training
    layer.eval()
    x = take_step(example_input(layer, batch=1, time=1), 0)
    times = []
    with torch.inference_mode():
        stream = layer.stepper(layer.initial_state(1))
        for _ in range(repeats + 10):
            began = time.perf_counter()
            stream(x)
            times.append(time.perf_counter() - began)
    layer.train(training)
    return 1e6 * statistics.median(times[10:])


def peak_memory_mb(device: str = "cpu") -> float | None:
    """Peak memory so far in MB: of this process, or of its tensors on a GPU; None where the system does not say."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
