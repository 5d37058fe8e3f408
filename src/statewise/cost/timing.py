"""Measured time and memory, one thing at a time on one thread."""

import statistics
import time

import torch

from statewise.contract import SequenceLayer, Tokens


def step_latency(layer: SequenceLayer, *, repeats: int = 50) -> float:
    """Median microseconds of one ``step`` of one row, without gradients, after a warm-up."""
    training = layer.training
    layer.eval()
    form = layer.input_form
    x = torch.zeros(1, dtype=torch.int64) if isinstance(form, Tokens) else layer.zeros(1, form.size)
    times = []
    with torch.inference_mode():
        state = layer.initial_state(1)
        for _ in range(repeats + 10):
            began = time.perf_counter()
            _, state = layer.step(x, state)
            times.append(time.perf_counter() - began)
    layer.train(training)
    return 1e6 * statistics.median(times[10:])


def peak_memory_mb() -> float | None:
    """Peak resident memory of this process so far in MB; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
