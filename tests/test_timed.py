"""A layer of one's own that reads time goes through every service, with time stamps and without."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from statewise import laws
from statewise.combine.bidirectional import Bidirectional
from statewise.combine.pointwise import Embed
from statewise.combine.ragged import run_ragged
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import Model, SequenceLayer, Timed, Tokens, Vectors, slice_time
from statewise.cost.flops import step_flops
from statewise.cost.parameters import count_parameters, state_bytes
from statewise.cost.timing import step_latency
from statewise.data.vocabulary import fit_vocabulary
from statewise.generation.generate import generate
from statewise.generation.sampling import Sampling
from statewise.models.build import build_model
from statewise.models.config import ModelConfig
from statewise.tasks.batch import Batch, Split
from statewise.tasks.scores import Metric, Scores
from statewise.tasks.task import Task
from statewise.train.closed_form import ReadoutFitter
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate
from statewise.train.forward import run_batch
from statewise.train.loop import Trainer

B, T, D, H = 5, 9, 3, 4


class Leak(SequenceLayer):
    """h_t = exp(-softplus(a) elapsed_t) * h_{t-1} + W x_t, y_t = h_t"""

    reads_time = True

    def __init__(self, *, input_size: int, hidden_size: int) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        self.rate = nn.Parameter(torch.linspace(-1.0, 1.0, hidden_size))
        self.map = nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, self.output_size)

    def step(self, x: Timed, state: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.exp(-nn.functional.softplus(self.rate) * x.elapsed.unsqueeze(1)) * state + self.map(x.values)
        return h, h


class Fading(Task):
    """sum_t exp(-time since step t), at the last step: the values are all 1, the time stamps alone tell it."""

    name = "fading"
    description = "Count steps, the old ones less"
    primary = Metric("error", "units", lower_is_better=True)
    solvable = True
    input_form, output_size = Vectors(D), 1

    def _batch(self, seed: int, rows: int) -> Batch:
        generator = torch.Generator().manual_seed(seed)
        x = torch.ones(rows, T, D)
        elapsed = torch.rand(rows, T, generator=generator)
        now = elapsed.cumsum(1)
        faded = (now - now[:, -1:]).exp().sum(1).view(rows, 1, 1)
        last = torch.full((rows, 1), T - 1)
        return Batch(Timed(x, elapsed), faded, torch.ones(rows, 1), positions=last)

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        return self._batch(1000 * seed + index, batch_size)

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        yield self._batch(999_999, batch_size)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return ((outputs - batch.targets).square().sum(dim=2) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return Scores({"error": float(self.loss(outputs, batch))}, {"error": float(batch.weights.sum())})


def model(depth: int = 1, block: str = "plain") -> Model:
    torch.manual_seed(0)
    feed_forward = 0.0 if block == "plain" else 2.0
    config = ModelConfig(layer="leak", width=H, depth=depth, block=block, feed_forward=feed_forward)

    def make(*, input_size: int, hidden_size: int, number: int) -> Leak:
        return Leak(input_size=input_size, hidden_size=hidden_size)

    return build_model(config, make, Vectors(D), 1)


@pytest.mark.parametrize(
    "layer",
    [
        Leak(input_size=D, hidden_size=H),
        Residual(PreNorm(Leak(input_size=H, hidden_size=H))),
        Stack([Leak(input_size=D, hidden_size=H), Leak(input_size=H, hidden_size=6)]),
        Model(Leak(input_size=D, hidden_size=H), nn.Linear(H, 2), 2, embedding=Embed(Tokens(7), width=D)),
        Bidirectional(Leak(input_size=D, hidden_size=H), Leak(input_size=D, hidden_size=6)),
    ],
    ids=["alone", "in wrappers", "stacked", "in a model of tokens", "in both directions"],
)
def test_it_keeps_the_laws(layer):
    laws.check(layer)


def test_its_costs_are_counted():
    layer = Leak(input_size=D, hidden_size=H)
    flops = step_flops(layer)
    assert flops.products == 2 * D * H
    assert flops.elementwise == H + H + 2 * H  # times elapsed, exp, times state, plus input
    assert step_latency(layer, repeats=3) > 0
    assert state_bytes(layer) == 4 * H
    assert count_parameters(model()).body == H + H * (H + 1)


@pytest.mark.parametrize("checkpoint_time", [0, 4])
def test_it_learns_what_the_time_stamps_alone_tell(checkpoint_time: int):
    task = Fading()
    config = TrainConfig(
        steps=150, batch_size=16, learning_rate=0.03, evaluate_every=150, checkpoint_time=checkpoint_time, accumulate=1
    )
    trained = model(depth=2, block="residual")
    before = evaluate(trained, task, "valid", batch_size=64)["error"]
    blind = float(next(task.evaluation("valid", batch_size=64)).targets.var())
    outcome = Trainer(trained, task, config).run()
    after = evaluate(trained, task, "valid", batch_size=64)["error"]
    assert outcome.status == "finished"
    assert after < 0.2 * min(before, blind)


def test_its_readout_is_fitted_in_closed_form():
    config = TrainConfig(steps=20, batch_size=16, readout="ridge", ridge=1e-6)
    fitter = ReadoutFitter(model(), Fading(), config)
    assert fitter.run().status == "finished"
    assert fitter.statistics.examples == 20 * 16


def test_part_of_a_batch_takes_its_time_stamps_along():
    whole, net = Fading().train_batch(0, batch_size=6, seed=0), model()
    outputs, _ = run_batch(net, whole, None)
    part, _ = run_batch(net, whole.rows(2, 5), None)
    torch.testing.assert_close(part, outputs[2:5])
    assert (whole.shape, whole.rows(2, 5).shape) == ((6, T), (3, T))


def test_rows_of_different_lengths():
    layer = Leak(input_size=D, hidden_size=H)
    x = Timed(torch.randn(2, T, D), torch.rand(2, T))
    y, state = run_ragged(layer, x, torch.tensor([4, T]))
    short, after = layer(slice_time(Timed(x.values[:1], x.elapsed[:1]), 0, 4))
    torch.testing.assert_close((y[:1, :4], state[:1]), (short, after))
    torch.testing.assert_close(run_ragged(layer, x.values, torch.tensor([4, T]))[0][1:], layer(x.values[1:])[0])


def test_text_is_generated_step_by_step_as_if_a_unit_of_time_passed_between_two_tokens():
    torch.manual_seed(0)
    vocabulary = fit_vocabulary("characters", "abcd")
    size = vocabulary.size
    net = Model(
        Leak(input_size=D, hidden_size=H), nn.Linear(H, size), size, embedding=Embed(Tokens(size), width=D)
    ).eval()
    text = "".join(generate(net, vocabulary, prompt="ab", sampling=Sampling(length=6, temperature=0)))
    tokens = vocabulary.encode("ab" + text).unsqueeze(0)
    likeliest = net(Timed(tokens, torch.ones(tokens.shape)))[0].argmax(dim=2)
    assert torch.equal(tokens[0, 2:], likeliest[0, 1:-1])
