"""The contract: what goes in, what comes out, and what is said when it does not fit."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

from statewise import tree
from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import Model, SequenceLayer, Timed, Tokens, Vectors
from statewise.laws import check
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM, LSTMState
from statewise.layers.recurrent.rnn import RNN

B, T, D, H = 5, 9, 3, 4


class Decay(SequenceLayer):
    """h_t = h_{t-1} / 2 + x_t"""

    def __init__(self, input_size: int = D) -> None:
        super().__init__(Vectors(input_size), output_size=input_size)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = state / 2 + x
        return h, h


class TimedDecay(SequenceLayer):
    """h_t = exp(-a elapsed_t) h_{t-1} + x_t"""

    reads_time = True

    def __init__(self, input_size: int = D) -> None:
        super().__init__(Vectors(input_size), output_size=input_size)
        self.rate = nn.Parameter(torch.linspace(0.5, 1.5, input_size))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = torch.exp(-self.rate * x.elapsed.unsqueeze(1)) * state + x.values
        return h, h


class Count(SequenceLayer):
    """How often token 1 was read."""

    def __init__(self) -> None:
        super().__init__(Tokens(4), output_size=1)

    def initial_state(self, batch_size):
        return torch.zeros(batch_size, 1, dtype=torch.int64)

    def step(self, x, state):
        state = state + (x == 1).unsqueeze(1)
        return state.double(), state


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def lstm() -> LSTM:
    torch.manual_seed(0)
    return LSTM(input_size=D, hidden_size=H)


class TestShapes:
    @pytest.mark.parametrize(
        ("shape", "sentence"),
        [
            (
                (B, D),
                r"LSTM reads vectors \(B, T, 3\), got shape \(5, 3\); for a single step call .step, or add the time",
            ),
            ((D,), r"reads vectors \(B, T, 3\), got shape \(3,\)$"),
            ((B, T, 7), r"LSTM reads vectors of size 3, got shape \(5, 9, 7\)$"),
            ((B, D, T), r"is x \(B, D, T\)\? then x.transpose\(1, 2\)"),
        ],
    )
    def test_a_wrong_shape_is_answered_with_what_was_likely_meant(self, lstm, shape, sentence):
        with pytest.raises(ValueError, match=sentence):
            lstm(torch.zeros(shape))

    def test_tokens_too(self):
        with pytest.raises(ValueError, match=r"Count reads token numbers .*; for a single step call .step"):
            Count()(torch.zeros(B, dtype=torch.int64))
        with pytest.raises(ValueError, match=r"reads token numbers \(B, T\), got shape \(5, 9, 1\)$"):
            Count()(torch.zeros(B, T, 1, dtype=torch.int64))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_no_steps_give_no_outputs_and_leave_the_state(self, x, dtype):
        layer = LSTM(input_size=D, hidden_size=H).to(dtype)
        _, state = layer(x.to(dtype))
        y, after = layer(x[:, :0].to(dtype), state)
        assert (tuple(y.shape), y.dtype) == ((B, 0, H), dtype)
        assert after is state

    def test_no_steps_of_tokens_give_outputs_in_a_floating_dtype(self):
        y, _ = Count()(torch.zeros(B, 0, dtype=torch.int64))
        assert y.shape == (B, 0, 1)
        assert y.is_floating_point()

    def test_no_rows(self, lstm, x):
        y, state = lstm(x[:0])
        assert y.shape == (0, T, H)
        assert state.h.shape == (0, H)

    def test_vectors_of_a_size_are_not_tokens_of_as_many(self):
        assert Vectors(3) != Tokens(3)


class TestState:
    def test_none_is_the_initial_state(self, lstm, x):
        torch.testing.assert_close(lstm(x), lstm(x, lstm.initial_state(B)), rtol=0, atol=0)

    def refused(self, layer, x, state) -> str:
        with pytest.raises(ValueError, match="this is not a state of LSTM for a batch of 5 rows: ") as caught:
            layer(x, state)
        message = str(caught.value)
        assert message.endswith("; states are batch first; pass the state that LSTM returned, or None to start")
        assert "\n" not in message
        return message

    def test_the_state_of_another_layer_is_refused_with_a_sentence(self, lstm, x):
        _, foreign = GRU(input_size=D, hidden_size=H)(x)
        assert "it has the structure GRUState(h=*), expected LSTMState(h=*, c=*);" in self.refused(lstm, x, foreign)

    def test_a_bare_tuple_is_not_the_named_one(self, lstm, x):
        _, state = lstm(x)
        assert "it has the structure (*, *), expected LSTMState(h=*, c=*);" in self.refused(lstm, x, tuple(state))

    def test_the_state_of_a_wider_layer_is_refused_by_leaf(self, lstm, x):
        _, wide = LSTM(input_size=D, hidden_size=H + 1)(x)
        assert "its leaf 'h' has shape (5, 5), expected (5, 4);" in self.refused(lstm, x, wide)

    def test_the_state_of_another_batch_is_refused(self, lstm, x):
        message = self.refused(lstm, x, lstm.initial_state(B - 1))
        assert "its leaf 'h' has shape (4, 4), expected (5, 4);" in message

    def test_the_state_of_torch_with_layers_first_is_refused(self, lstm, x):
        layers_first = LSTMState(torch.zeros(1, B, H), torch.zeros(1, B, H))
        assert "its leaf 'h' has shape (1, 5, 4), expected (5, 4);" in self.refused(lstm, x, layers_first)

    def test_the_state_of_another_precision_is_refused(self, lstm, x):
        state = lstm.initial_state(B)
        message = self.refused(lstm, x, state._replace(c=state.c.double()))
        assert "its leaf 'c' has dtype torch.float64, expected torch.float32;" in message

    def test_what_is_no_tensor_is_refused(self, lstm, x):
        assert "its leaf 'c' is None, not a tensor;" in self.refused(lstm, x, lstm.initial_state(B)._replace(c=None))

    def test_a_layer_that_was_moved_takes_its_new_states_and_no_old_ones(self, lstm, x):
        _, old = lstm(x)
        lstm(x, old)
        lstm.double()
        lstm(x.double(), lstm.initial_state(B))
        assert "has dtype torch.float32, expected torch.float64;" in self.refused(lstm, x.double(), old)

    def test_states_may_be_nested_in_any_way(self, x):
        class Nested(Decay):
            def initial_state(self, batch_size):
                return {"a": [super().initial_state(batch_size)], "b": ()}

            def step(self, x, state):
                y, h = super().step(x, state["a"][0])
                return y, {"a": [h], "b": ()}

        layer, expected = Nested(), Decay()(x)[0]
        first, state = layer(x[:, :4])
        second, _ = layer(x[:, 4:], state)
        torch.testing.assert_close(torch.cat([first, second], dim=1), expected)
        with pytest.raises(
            ValueError, match=r"structure \{'a': \[\*, \*\], 'b': \(\)\}, expected \{'a': \[\*\], 'b': \(\)\}"
        ):
            layer(x, {"a": state["a"] * 2, "b": ()})

    def test_looking_at_the_state_draws_no_random_number(self, x):
        from statewise.combine.dropout import Dropout

        layer = Dropout(width=D, rate=0.5)
        state = layer.initial_state(B)
        before = torch.get_rng_state()
        layer(x, state)
        assert bool((torch.get_rng_state() == before).all())


class Narrow(Decay):
    """A layer that takes no care of its state's dtype."""

    def step(self, x, state):
        h = (state @ torch.eye(D, dtype=state.dtype)) / 2 + x
        return h, h.bfloat16()


class NarrowAtOnce(Narrow):
    def _sequence(self, x, state):
        y, state = super()._sequence(x, state)
        return y, state.bfloat16()


class TestDtypes:
    @pytest.mark.parametrize("layer", [Narrow(), NarrowAtOnce(), Stack([Residual(Narrow())])])
    @pytest.mark.parametrize("autocast", [False, True])
    def test_the_state_keeps_its_dtype_whatever_a_layer_returns(self, layer, autocast, x):
        state = layer.initial_state(B)
        reset = torch.zeros(B, T, dtype=torch.bool)
        reset[1, 3] = True
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            runs = [layer.step(x[:, 0], state), layer(x, state), layer(x), layer(x, reset=reset)]
        for _, after in runs:
            tree.map(lambda kept, leaf: self.assert_same_dtype(kept, leaf), state, after)

    def assert_same_dtype(self, kept, leaf):
        assert leaf.dtype == kept.dtype

    def test_a_step_of_a_step_gives_the_state_the_dtype_it_had(self, x):
        class Again(Narrow):
            def step(self, x, state):
                return super().step(x, super().step(x, state)[1])

        assert Again().step(x[:, 0], torch.zeros(B, D))[1].dtype == torch.float32

    def test_whole_numbers_are_not_silently_rounded(self, x):
        class Halves(Count):
            def step(self, x, state):
                return state.double(), state + 0.5

        layer = Halves()
        for run in (lambda: layer.step(x[:, 0, 0].long(), layer.initial_state(B)), lambda: layer(x[..., 0].long())):
            with pytest.raises(ValueError, match=r"a state's leaf of torch.int64 came back as torch.float32"):
                run()

    def test_another_structure_is_named(self, lstm, x):
        class Bare(LSTM):
            def step(self, x, state):
                y, after = super().step(x, state)
                return y, tuple(after)

        with pytest.raises(ValueError, match=r"a state of structure LSTMState\(h=\*, c=\*\) came back as \(\*, \*\)"):
            Bare(input_size=D, hidden_size=H).step(x[:, 0], lstm.initial_state(B))


class TestReset:
    def test_equals_starting_anew_at_each_mark(self, x):
        reset = torch.zeros(B, T, dtype=torch.bool)
        reset[0, 0] = reset[1, 4] = reset[2, 4] = reset[2, 7] = reset[3, T - 1] = True
        state = torch.full((B, D), 8.0)
        y, after = Decay()(x, state, reset=reset)
        for row in range(B):
            h = state[row]
            for t in range(T):
                h = (torch.zeros(D) if reset[row, t] else h) / 2 + x[row, t]
                torch.testing.assert_close(y[row, t], h)
            torch.testing.assert_close(after[row], h)

    def test_no_mark_changes_nothing(self, lstm, x):
        nothing = torch.zeros(B, T, dtype=torch.bool)
        torch.testing.assert_close(lstm(x, reset=nothing), lstm(x), rtol=0, atol=0)

    def test_no_gradient_crosses_a_mark(self, lstm, x):
        x.requires_grad_()
        reset = torch.zeros(B, T, dtype=torch.bool)
        reset[1, 4] = True
        y, _ = lstm(x, reset=reset)
        (gradient,) = torch.autograd.grad(y[:, -1].sum(), x)
        assert not gradient[1, :4].any()
        assert bool((gradient[0, :4] != 0).all())

    def test_time_stamps_are_cut_too(self, x):
        elapsed = torch.rand(B, T, generator=torch.Generator().manual_seed(1))
        reset = torch.zeros(B, T, dtype=torch.bool)
        reset[:, 5] = True
        y, _ = TimedDecay()(Timed(x, elapsed), reset=reset)
        expected, _ = TimedDecay()(Timed(x[:, 5:], elapsed[:, 5:]))
        torch.testing.assert_close(y[:, 5:], expected)

    @pytest.mark.parametrize("reset", [torch.zeros(B, T), torch.zeros(T, B, dtype=torch.bool)])
    def test_a_wrong_one_is_refused(self, lstm, x, reset):
        with pytest.raises(ValueError, match=r"reset must be bool \(5, 9\), got"):
            lstm(x, reset=reset)


class TestTime:
    def test_a_layer_that_reads_time_keeps_the_laws(self):
        check(TimedDecay())
        check(Stack([RNN(input_size=2, hidden_size=3), TimedDecay()]))

    def test_time_stamps_pass_through_wrappers_to_the_layer_that_reads_them(self, x):
        torch.manual_seed(0)
        elapsed = torch.rand(B, T, generator=torch.Generator().manual_seed(1))
        rnn, reader = RNN(input_size=D, hidden_size=D), TimedDecay()
        stack = Stack([rnn, Residual(PreNorm(reader))])
        assert stack.reads_time
        middle, _ = rnn(x)
        inner, _ = reader(Timed(nn.functional.layer_norm(middle, (D,)), elapsed))
        torch.testing.assert_close(stack(Timed(x, elapsed))[0], middle + inner)
        _, state = stack(Timed(x[:, :5], elapsed[:, :5]))
        y_t, _ = stack.step(Timed(x[:, 5], elapsed[:, 5]), state)
        torch.testing.assert_close(y_t, (middle + inner)[:, 5])

    def test_a_layer_that_does_not_read_time_is_handed_the_values(self, lstm, x):
        torch.testing.assert_close(lstm(Timed(x, torch.rand(B, T))), lstm(x), rtol=0, atol=0)
        state = lstm.initial_state(B)
        stepped = lstm.step(Timed(x[:, 0], torch.rand(B)), state)
        torch.testing.assert_close(stepped, lstm.step(x[:, 0], state), rtol=0, atol=0)

    @pytest.mark.parametrize("layer", [TimedDecay(), Stack([Residual(PreNorm(TimedDecay()))])])
    def test_where_there_are_no_time_stamps_1_passes_from_step_to_step(self, layer, x):
        ones = torch.ones(B, T)
        torch.testing.assert_close(layer(x), layer(Timed(x, ones)), rtol=0, atol=0)
        state = layer(x)[1]
        torch.testing.assert_close(
            layer.step(x[:, 0], state), layer.step(Timed(x[:, 0], ones[:, 0]), state), rtol=0, atol=0
        )

    def test_time_stamps_of_tokens_are_in_the_dtype_of_the_layer(self):
        class Waits(TimedDecay):
            def __init__(self) -> None:
                SequenceLayer.__init__(self, Tokens(4), output_size=D)
                self.rate = nn.Parameter(torch.ones(D))

            def step(self, x, state):
                assert x.elapsed.dtype == torch.float64
                return super().step(Timed(torch.ones(B, D, dtype=torch.float64), x.elapsed), state)

        y, _ = Waits().double()(torch.zeros(B, T, dtype=torch.int64))
        torch.testing.assert_close(y[0, 1, 0].item(), 1 + math.exp(-1))

    @pytest.mark.parametrize("shape", [(B,), (B, T, 1), (T, B), (B, T - 1)])
    def test_time_stamps_of_another_shape_are_refused_with_a_sentence(self, x, shape):
        with pytest.raises(ValueError, match=r"elapsed must be \(5, 9\), one number a row and step .* got shape"):
            TimedDecay()(Timed(x, torch.ones(shape)))
        with pytest.raises(ValueError, match=r"elapsed must be \(5,\), .* got shape \(5, 1\)"):
            TimedDecay().step(Timed(x[:, 0], torch.ones(B, 1)), torch.zeros(B, D))


class TestModel:
    def test_reads_its_features_off_at_every_step(self, lstm, x):
        head = nn.Linear(H, 2)
        model = Model(lstm, head, output_size=2)
        features, state = lstm(x)
        torch.testing.assert_close(model(x), (head(features), state))
        torch.testing.assert_close(model.features(x), (features, state))
        check(model)

    def test_embeds_first_and_time_stamps_pass_by_the_embedding(self):
        torch.manual_seed(0)
        model = Model(TimedDecay(), nn.Linear(D, 2), 2, embedding=Embed(Tokens(7), width=D))
        assert (model.input_form, model.reads_time) == (Tokens(7), True)
        tokens, elapsed = torch.randint(7, (B, T)), torch.rand(B, T)
        features, state = model.body(Timed(model.embedding.table(tokens), elapsed))
        torch.testing.assert_close(model(Timed(tokens, elapsed)), (model.head(features), state))
        check(model)

    def test_an_embedding_of_several_layers_is_stepped_through_too(self, lstm):
        norm = Pointwise(nn.LayerNorm(D), input_size=D, output_size=D)
        check(Model(lstm, nn.Linear(H, 2), 2, embedding=Stack([Embed(Tokens(7), width=D), norm])))

    def test_what_does_not_fit_is_refused_with_a_sentence(self, lstm):
        head = nn.Linear(H, 2)
        with pytest.raises(ValueError, match="an embedding carries no state, Decay does; make it part of the body"):
            Model(lstm, head, 2, embedding=Decay())
        with pytest.raises(ValueError, match=r"puts out width 2, but the body reads Vectors\(size=3\)"):
            Model(lstm, head, 2, embedding=Embed(Tokens(7), width=2))


class TestSubclassing:
    def test_forward_is_final(self):
        with pytest.raises(TypeError, match="Own overrides forward, which is final; define step, and _sequence"):

            class Own(Decay):
                def forward(self, x, state=None):
                    return x, state

    def test_step_and_initial_state_must_be_written(self):
        class Half(SequenceLayer):
            def initial_state(self, batch_size):
                return ()

        with pytest.raises(TypeError, match="step"):
            Half(Vectors(1), 1)

    def test_zeros_follow_the_parameters(self, lstm):
        assert lstm.double().initial_state(2).h.dtype == torch.float64
        assert Decay().zeros(2).dtype == torch.float32

    def test_a_layer_without_parameters_keeps_the_laws(self):
        check(Decay())
        check(Stack([Decay(), TimedDecay()]))

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_zeros_follow_a_layer_without_parameters_wherever_it_goes(self, wrapped):
        layer = Stack([Residual(Decay())]) if wrapped else Decay()
        for move in (nn.Module.double, nn.Module.bfloat16, lambda module: module.to("meta")):
            moved = move(copy.deepcopy(layer))
            expected = move(nn.Linear(1, 1)).weight
            for state in (moved.zeros(2), *tree.leaves(copy.deepcopy(moved).initial_state(2))):
                assert (state.dtype, state.device) == (expected.dtype, expected.device)

    def test_zeros_prefer_real_weights_to_where_the_layer_was_made(self):
        layer = Decay()
        layer.register_buffer("weights", torch.ones(2, dtype=torch.float64))
        assert layer.zeros(2).dtype == torch.float64

    def test_each_layer_of_a_container_keeps_its_own_dtype(self):
        first, second = Stack([Decay(), Decay().double()]).initial_state(2)
        assert (first.dtype, second.dtype) == (torch.float32, torch.float64)

    def test_what_places_a_layer_is_no_weight(self):
        assert not Decay().state_dict()
        Decay().load_state_dict({})

    def test_functional_call_with_weights_of_another_dtype_is_answered_in_it(self, lstm, x):
        double = {name: value.double() for name, value in lstm.named_parameters()}
        expected = copy.deepcopy(lstm).double()(x.double())
        for state in (None, lstm.double().initial_state(B)):
            found = torch.func.functional_call(lstm.float(), double, (x.double(), state))
            torch.testing.assert_close(found, expected)

    def test_a_layer_survives_pickling(self, x):
        layer = Decay()
        expected = layer(x, torch.ones(B, D))
        torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(x, torch.ones(B, D)), expected)
