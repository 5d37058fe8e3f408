"""Optimisers, learning-rate schedules and gradient clipping from a TrainConfig."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from statewise.contract import SequenceLayer
from statewise.train.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> Optimizer:
    """AdamW (Loshchilov & Hutter 2019), SGD with Nesterov momentum or RMSprop; weight decay on matrices alone.

    Torch's fused SGD knows no parameters whose momentum begins later than that of others, as pretraining has them.
    """
    groups = parameter_groups(model, config.weight_decay)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)
    if config.optimizer == "sgd":
        nesterov, fused = config.momentum > 0, config.pretraining == "none"
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov, fused=fused
        )
    return torch.optim.RMSprop(groups, lr=config.learning_rate, momentum=config.momentum)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Trained parameters in two groups: matrices decay; biases, norms and what its layer calls ``undecayed`` do not."""
    decayed = decayed_parameters(model)
    known = {id(parameter) for parameter in decayed}
    kept = [p for p in model.parameters() if p.requires_grad and id(p) not in known]
    groups = ({"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def decayed_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Trained parameters that weight decay and penalties apply to."""
    undecayed = _undecayed(model)
    return [
        parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and not (name in undecayed or parameter.dim() < 2 or "bias" in name.rsplit(".", 1)[-1])
    ]


def _undecayed(model: nn.Module) -> set[str]:
    """Full names of the parameters that a layer anywhere in the model calls ``undecayed``."""
    layers = ((path, part) for path, part in model.named_modules() if isinstance(part, SequenceLayer))
    return {f"{path}.{name}".lstrip(".") for path, layer in layers for name in layer.undecayed}


def learning_rate_at(step: int, config: TrainConfig, plateau_drops: int) -> float:
    """The learning rate of update ``step`` (counted from 0): linear warm-up, then the schedule.

    >>> learning_rate_at(0, TrainConfig(learning_rate=1.0, warmup=10, schedule="constant"), 0)
    0.1
    """
    rate = config.learning_rate * min(1.0, (step + 1) / config.warmup if config.warmup else 1.0)
    if config.schedule == "cosine":
        done = (step - config.warmup) / max(1, config.steps - config.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))
        return rate * (config.decay_to + (1 - config.decay_to) * fall)
    if config.schedule == "step":
        return rate * config.decay_factor ** (step // config.decay_every)
    if config.schedule == "plateau":
        return rate * config.decay_factor**plateau_drops
    return rate


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Use ``rate`` for every parameter from now on."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: list[Tensor], config: TrainConfig) -> float:
    """Clip as the config says; returns the global gradient norm before that."""
    limit = config.clip_at if config.clip == "norm" else math.inf
    norm = float(nn.utils.clip_grad_norm_(parameters, limit))
    if config.clip == "value":
        nn.utils.clip_grad_value_(parameters, config.clip_at)
    return norm
