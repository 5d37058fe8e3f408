"""Schedules against closed forms and torch's, updates against torch.optim's plain loops, decay and clipping by hand."""

import copy
import math
import pickle

import pytest
import torch
from torch import Tensor, nn

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import Model, Tokens
from statewise.layers.statespace.s4d import S4D
from statewise.models.resolve import build, default_config
from statewise.train.config import TrainConfig
from statewise.train.loop import Trainer
from statewise.train.optimization import learning_rate_at, make_optimizer, parameter_groups
from statewise.used import without_idle

from .small import Rows, gradients, keep_gradients, small_model, weights

pytestmark = pytest.mark.usefixtures("float64")


def rates(drops: int = 0, **fields: object) -> list[float]:
    config = TrainConfig(steps=40, learning_rate=0.5, **fields)  # type: ignore[arg-type]
    return [learning_rate_at(step, config, drops) for step in range(config.steps)]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "plateau"])
def test_warm_up_rises_linearly_to_the_full_rate(schedule: str):
    assert rates(schedule=schedule, warmup=8)[:8] == pytest.approx([0.5 * (step + 1) / 8 for step in range(8)])


def test_constant_stays():
    assert rates(schedule="constant", warmup=0) == [0.5] * 40


def test_cosine_against_closed_form_and_torch():
    found = rates(schedule="cosine", warmup=10, decay_to=0.2)[10:]
    assert found[0] == 0.5
    assert found[15] == pytest.approx(0.5 * (1 + 0.2) / 2)
    closed = [0.5 * (0.2 + 0.8 * (1 + math.cos(math.pi * step / 30)) / 2) for step in range(30)]
    assert found == pytest.approx(closed, abs=1e-15)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30, eta_min=0.1)
    for rate in found:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
        optimizer.step()
        scheduler.step()


def test_step_drops_every_so_many_updates():
    found = rates(schedule="step", warmup=0, decay_every=15, decay_factor=0.1)
    assert found == pytest.approx([0.5] * 15 + [0.05] * 15 + [0.005] * 10)


def test_plateau_against_torch():
    scores = [5.0, 4.0, 4.5, 4.4, 4.0, 3.0, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5, 2.0, 2.5]
    config = TrainConfig(
        steps=len(scores), evaluate_every=1, schedule="plateau", warmup=0, plateau_patience=2, decay_factor=0.3
    )
    outcome = Trainer(small_model(), Rows(scores=scores), config).run()
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.learning_rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2, threshold=0)
    expected = []
    for score in scores:
        optimizer.step()
        scheduler.step(score)
        expected.append(optimizer.param_groups[0]["lr"])
    found = [entry.learning_rate for entry in outcome.history]
    assert found == pytest.approx(expected)
    assert len(set(expected)) > 2


DIRECT = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.02, betas=(0.8, 0.95), fused=False, foreach=False),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.02, momentum=0.7, nesterov=True, fused=False, foreach=False),
    "rmsprop": lambda groups: torch.optim.RMSprop(groups, lr=0.02, momentum=0.7, foreach=False),
}


@pytest.mark.parametrize("name", DIRECT)
def test_updates_are_those_of_torch(name: str):
    config = TrainConfig(
        batch_size=4, learning_rate=0.02, optimizer=name, momentum=0.7, betas=(0.8, 0.95), weight_decay=0.3, warmup=0,
        schedule="constant", clip="norm", clip_at=0.2,
    )  # fmt: skip
    task, ours, theirs = Rows(), small_model(), small_model()
    trainer = Trainer(ours, task, without_idle(config))
    matrices = [p for p in theirs.parameters() if p.dim() == 2]
    vectors = [p for p in theirs.parameters() if p.dim() == 1]
    assert vectors
    optimizer = DIRECT[name]([{"params": matrices, "weight_decay": 0.3}, {"params": vectors, "weight_decay": 0.0}])
    for index in range(5):
        trainer.update()
        batch = task.train_batch(index, batch_size=4, seed=0)
        optimizer.zero_grad()
        (task.loss(theirs(batch.inputs)[0], batch) / batch.weights.sum()).backward()
        nn.utils.clip_grad_norm_(list(theirs.parameters()), 0.2)
        optimizer.step()
    expected = theirs.state_dict()
    for tensor_name, tensor in ours.state_dict().items():
        torch.testing.assert_close(tensor, expected[tensor_name], rtol=0, atol=1e-12)


def test_decay_alone_shrinks_matrices_and_leaves_biases_norms_and_marked_parameters():
    class Indifferent(Rows):
        def loss(self, outputs, batch):
            return outputs.sum() * 0

    model = small_model("s4d", block="residual")
    before = weights(model)
    config = TrainConfig(weight_decay=0.5, learning_rate=0.1, warmup=0, schedule="constant")
    Trainer(model, Indifferent(), config).update()
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved
    for name in moved:
        torch.testing.assert_close(model.state_dict()[name], before[name] * 0.95)
    spared = {name for name, _ in model.named_parameters()} - moved
    assert any("norm" in name for name in spared)
    assert {name.rsplit(".", 1)[-1] for name in spared} >= {"bias", "log_decay", "frequency"}


def test_a_copied_wrapped_or_moved_model_spares_the_same_parameters():
    model = small_model("s4d", block="residual")

    def decayed(module: nn.Module) -> set[str]:
        chosen = {id(p) for group in parameter_groups(module, 0.1) if group["weight_decay"] for p in group["params"]}
        return {name for name, p in module.named_parameters() if id(p) in chosen}

    expected = decayed(model)
    assert not any(name.endswith(("log_dt", "log_decay", "frequency")) for name in expected)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.deepcopy(model).to("meta")):
        assert decayed(other) == expected
    assert decayed(nn.ModuleDict({"inner": model})) == {f"inner.{name}" for name in expected}
    assert not decayed(S4D(input_size=3, hidden_size=4)) & set(S4D.undecayed)


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_no_layer_has_a_bias_or_norm_that_decays(name: str):
    config = default_config(name, depth=1, context_length=4)
    model = build(config.__class__(**{**vars(config), "width": 8}), Tokens(5), 5)
    decayed = next(g["params"] for g in parameter_groups(model, 0.1) if g["weight_decay"])
    norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm | nn.RMSNorm)]
    spared = [p for module in norms for p in module.parameters()]
    spared += [p for path, p in model.named_parameters() if "bias" in path.rsplit(".", 1)[-1]]
    assert not {id(p) for p in spared} & {id(p) for p in decayed}
    assert any(p is model.head.weight for p in decayed)


def clipped(**fields: object) -> tuple[list[Tensor], list[Tensor], float]:
    """Gradients of one update as they are and as they were used, and the norm that was noted."""
    task, model = Rows(), small_model()
    trainer = Trainer(model, task, TrainConfig(batch_size=4, **fields))  # type: ignore[arg-type]
    kept = keep_gradients(trainer)
    trainer.update()
    return raw_gradients(model, task), kept[0], trainer.progress.largest_norm


def raw_gradients(model: Model, task: Rows) -> list[Tensor]:
    batch = task.train_batch(0, batch_size=4, seed=0)
    return gradients(model, lambda: task.loss(model(batch.inputs)[0], batch) / batch.weights.sum())


def norm_of(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.square().sum()) for tensor in tensors))


def test_clipping_by_norm_scales_all_gradients_alike():
    raw, used, noted = clipped(clip="norm", clip_at=0.01)
    assert noted == pytest.approx(norm_of(raw))
    assert norm_of(used) == pytest.approx(0.01, rel=1e-4)
    for one, other in zip(raw, used, strict=True):
        torch.testing.assert_close(one * 0.01 / (norm_of(raw) + 1e-6), other)


def test_clipping_by_value_cuts_single_elements():
    raw, used, noted = clipped(clip="value", clip_at=0.01)
    assert noted == pytest.approx(norm_of(raw))
    assert max(float(tensor.abs().max()) for tensor in raw) > 0.01
    for one, other in zip(raw, used, strict=True):
        torch.testing.assert_close(one.clamp(-0.01, 0.01), other)


@pytest.mark.parametrize("fields", [{"clip": "none"}, {"clip": "norm", "clip_at": 1e6}])
def test_small_gradients_stay_as_they_are(fields: dict[str, object]):
    raw, used, _ = clipped(**fields)
    for one, other in zip(raw, used, strict=True):
        torch.testing.assert_close(one, other)


def test_adamw_is_torch_s_unless_the_config_says_otherwise():
    theirs = torch.optim.AdamW([torch.zeros(1, requires_grad=True)]).defaults["betas"]
    ours = make_optimizer(small_model(), TrainConfig()).defaults["betas"]
    assert ours == theirs
