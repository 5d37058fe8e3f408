"""The one contract: two gears and a state.

    y, state   = layer(x, state)          # x (B, T, d_in) -> y (B, T, d_out): a whole sequence or any chunk of one
    y_t, state = layer.step(x_t, state)   # x_t (B, d_in)  -> y_t (B, d_out): one time step
    state      = layer.initial_state(batch_size)

Letters: B batch, T time, D width.
"""

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor

from statewise import probe, tree
from statewise.contract.fitting import FAILURES, input_misfit, is_sequence, state_misplaced
from statewise.contract.guarded import guarded_step, guarded_stepper, rows_of
from statewise.contract.inputs import Input, InputForm, Vectors, unbind_time, values_of
from statewise.contract.kind import LayerKind
from statewise.contract.reader import Reader
from statewise.contract.segments import Segments, checked_reset, segment_by_segment
from statewise.contract.stepper import PlainStepper, Stepper
from statewise.contract.undrawn import is_undrawn, undrawn
from statewise.contract.weights import NOT_HELD, weights_held
from statewise.tree import State


class SequenceLayer(LayerKind, Reader, ABC):
    """A causal map from a sequence to a sequence that carries a state. Subclass it to make a layer of your own.

    Write ``initial_state`` and ``step``; that is the whole definition. Override ``_sequence`` only with something equal
    and faster; whoever overrides the ``step`` of a layer has the loop over it again, not that layer's faster form.
    ``statewise.laws.check(layer)`` says whether all of it holds together.

    The state is a pytree of tensors, batch on axis 0 of every leaf, its structure and shapes closed under ``step``. It
    is always returned and nothing is remembered elsewhere. An axis that is empty in ``initial_state`` is as long as
    whoever made the state chose, a decoder's source for one.

    Its dtypes are those of ``initial_state``, and that of y is that of x, or the layer's where x is tokens. Autocast
    makes products less precise and changes neither: this class gives what ``step`` and ``_sequence`` return the dtypes
    of what they were handed.

    >>> from statewise.contract import SequenceLayer, Vectors
    >>> class Decay(SequenceLayer):
    ...     '''h_t = h_{t-1} / 2 + x_t'''
    ...     def __init__(self, *, input_size: int):
    ...         super().__init__(Vectors(input_size), output_size=input_size)
    ...     def initial_state(self, batch_size):
    ...         return self.zeros(batch_size, self.output_size)
    ...     def step(self, x, state):
    ...         h = state / 2 + x
    ...         return h, h
    >>> y, state = Decay(input_size=1)(torch.ones(1, 3, 1))
    >>> y.flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """

    undecayed: tuple[str, ...] = ()
    """Parameters that no optimiser should decay: their zero is one value among many, not simplicity"""

    def __init__(self, input_form: InputForm, output_size: int) -> None:
        super().__init__(input_form, output_size)
        self._state_form: State | None = None
        self._reads_vectors = isinstance(input_form, Vectors)
        self._step_axes = 2 if self._reads_vectors else 1

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "forward" in cls.__dict__:
            raise TypeError(
                f"{cls.__name__} overrides forward, which is final; define step, and _sequence if it is faster"
            )
        above = [base.__dict__["step"] for base in cls.__mro__[1:] if "step" in base.__dict__]
        overrides = "step" in cls.__dict__ and not getattr(above[0], "__isabstractmethod__", False)
        of_another = {"stepper", "_sequence", "_segments"} if overrides else set()
        of_another |= {"_segments"} if "_sequence" in cls.__dict__ else set()
        for name in of_another - cls.__dict__.keys():
            setattr(cls, name, getattr(SequenceLayer, name))
        if "step" in cls.__dict__:
            setattr(cls, "step", guarded_step(cls.__dict__["step"]))  # noqa: B010  mypy knows no assignment to a method
        if cls.__dict__.get("stepper", SequenceLayer.stepper) is not SequenceLayer.stepper:
            setattr(cls, "stepper", guarded_stepper(cls.__dict__["stepper"]))  # noqa: B010

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, one row per sequence; its dtypes are the state's dtypes for good."""

    @abstractmethod
    def step(self, x: Any, state: State) -> tuple[Tensor, State]:
        """One time step, ``x (B, d_in) -> y (B, d_out)``: the definition of the layer, readable beside its paper.

        It is handed ``Timed`` where the layer reads time and the values alone where not, whatever the caller has. For
        speed no more is looked at of the state than its rows, and its dtype where the output has it; ``forward`` looks
        at all of it.
        """

    def _sequence(self, x: Any, state: State) -> tuple[Tensor, State]:
        """A whole sequence, T >= 1: the loop over ``step``. Override with something equal and faster.

        While a ``probe`` is recording, the loop is run whatever was overridden: side outputs are those of ``step``.
        """
        outputs = []
        with weights_held():
            for x_t in unbind_time(x):
                y, state = self.step(x_t, state)
                outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def _segments(self, x: Any, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        """A whole sequence whose rows resets cut into segments; ``None`` means that there are no resets inside.

        ``state`` is of the rows: a row's first segment goes on from it, the others begin with ``initial_state``, and
        what a row's last one ends with is returned. Here ``_sequence`` is run on segments as if they were rows; where
        it is the loop over ``step`` and that would take more steps, rows are emptied on the way.
        Override this instead of ``_sequence`` where an operation takes segments as they lie, or to hand them on as its
        ``reset`` to a layer inside whose initial state is this layer's.
        """
        if segments is None:
            return self._sequence(x, state)
        kind = type(self)
        only_steps = kind._sequence is SequenceLayer._sequence and kind._segments is SequenceLayer._segments
        if only_steps and segments.few:
            return self._step_by_step(x, state, segments)
        anew = tree.pad_like(self.initial_state(segments.later), state)
        with weights_held():
            return segment_by_segment(self._whole_rows, x, state, segments, anew)

    def stepper(self, state: State) -> Stepper:
        """The layer at work on a state of its own, from ``state`` on: single steps, as fast as they come.

        Override with something equal and faster. A class that overrides a ``step`` and no ``stepper`` has this one,
        whatever the class above has. Side outputs may not be recorded.

        Raises:
            ValueError: if the state is none of this layer's.

        >>> from statewise.layers.recurrent.lstm import LSTM
        >>> layer = LSTM(input_size=3, hidden_size=4)
        >>> stream = layer.stepper(layer.initial_state(2))
        >>> stream(torch.randn(2, 3)).shape, stream.state.h.shape
        (torch.Size([2, 4]), torch.Size([2, 4]))
        """
        self._check_state(state, rows_of(state), start="initial_state(rows)")
        return PlainStepper(self, state)

    @final  # type: ignore[misc]  # torch declares forward as an attribute
    def forward(
        self, x: Input, state: State | None = None, *, reset: Tensor | Segments | None = None
    ) -> tuple[Tensor, State]:
        """A sequence or any chunk of one.

        Args:
            x: ``(B, T, d_in)`` for an input form of vectors, ``(B, T)`` for tokens, or ``Timed`` of either; T may be 0.
                Where a layer reads time and there are no time stamps, 1 passes from step to step.
            state: where the rows stand; ``None`` is ``initial_state(B)``.
            reset: ``(B, T)`` bool; where true, that row's state is emptied before that step. A layer around this one
                hands on the ``Segments`` that it was given.

        Returns:
            The outputs ``(B, T, d_out)`` and the state after the last step.

        Raises:
            ValueError: if a shape or the state's structure is wrong; the message says what was likely meant.
        """
        values = values_of(x)
        if not is_sequence(self.input_form, values):
            raise ValueError(input_misfit(self, values, 2))
        with weights_held() if self._modules and (self.training or values.shape[1] > 1) else NOT_HELD:
            return self._forward(self.as_read(x, axes=2), state, reset)

    def _forward(self, x: Input, state: State | None, reset: Tensor | Segments | None) -> tuple[Tensor, State]:
        """``forward`` with the weights held, of what the layer reads."""
        values = values_of(x)
        batch, time = values.shape[:2]
        if state is None:
            state = self.initial_state(batch)
            if self._state_form is None and not torch.compiler.is_compiling():
                self._state_form = tree.form(state)
        else:
            self._check_state(state, batch, start="None")
        if time == 0:
            return self._no_outputs(values, batch), state
        try:
            if isinstance(reset, Tensor):
                y, after = self._with_resets(x, state, checked_reset(reset, batch, time))
            else:
                y, after = self._chunk(x, state, reset)
        except FAILURES as error:
            if (misfit := self._misfit(values, state, 2)) is not None:
                raise ValueError(misfit) from error
            raise
        return y if y.dtype == values.dtype else self._in_its_dtype(y, values, state, 2), after

    def noise_seeds(self, batch_size: int) -> Tensor:
        """One seed ``(B,)`` int64 a row for noise that is part of the state; zeros in eval mode, where none is drawn.

        Drawn from torch's global CPU generator, so that ``torch.manual_seed`` governs it on every device.
        """
        if not self.training or is_undrawn():
            return torch.zeros(batch_size, dtype=torch.int64, device=self.device)
        return torch.randint(2**62, (batch_size,), dtype=torch.int64, device="cpu").to(self.device)

    def _no_outputs(self, x: Tensor, batch: int) -> Tensor:
        like = x if x.is_floating_point() else self.zeros(0)
        return like.new_zeros(batch, 0, self.output_size)

    def _in_its_dtype(self, y: Tensor, x: Tensor, state: State, axes: int) -> Tensor:
        """An output that has another one than the input, which may be the fault of the input or of the state."""
        y = self.as_precise(y, x)
        if self._reads_vectors and y.dtype != x.dtype and (misfit := self._misfit(x, state, axes)) is not None:
            raise ValueError(misfit)
        return y

    def _closed(self, after: State, state: State, rows: int | None) -> State:
        """The state after a step in the dtypes of the one before, of so many rows, which is this layer's.

        Where rows are ``None`` the step is that of a class above, whose state may be another one.

        Raises:
            ValueError: if ``state`` is none of this layer's.
        """
        if rows is not None and not torch.compiler.is_compiling():
            self._check_state(state, rows, start="initial_state(rows)")
        return tree.closed(after, state)

    def _chunk(self, x: Input, state: State, segments: Segments | None) -> tuple[Tensor, State]:
        """The fast gear, its state in the dtypes it came in; while a recorder is open, the loop that records."""
        if not probe.is_recording():
            y, after = self._segments(x, state, segments)
        elif segments is None:
            y, after = SequenceLayer._sequence(self, x, state)
        else:
            y, after = self._step_by_step(x, state, segments)
        return y, tree.closed(after, state)

    def _whole_rows(self, x: Input, state: State) -> tuple[Tensor, State]:
        return self._chunk(x, state, None)

    def _with_resets(self, x: Input, state: State, reset: Tensor) -> tuple[Tensor, State]:
        segments = Segments(reset)
        if segments.opening:
            state = self._emptied(state, reset[:, 0])
        return self._chunk(x, state, segments if segments.later else None)

    def _step_by_step(self, x: Input, state: State, segments: Segments) -> tuple[Tensor, State]:
        """In the order of time; what segments begin with is made, and its noise drawn, for all of them at once."""
        anew, outputs = tree.pad_like(self.initial_state(segments.later), state), []
        with weights_held():
            for t, x_t in enumerate(unbind_time(x)):
                if segments.marks[:, t].any():
                    rows, which = segments.beginning(t)
                    state = tree.put(state, rows, tree.take(anew, which))
                y, state = self.step(x_t, state)
                outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def _emptied(self, state: State, rows: Tensor) -> State:
        """``state`` with the rows that ``(B,)`` says as they are in the beginning."""
        if not bool(rows.any()):
            return state
        return tree.where(rows, tree.pad_like(self.initial_state(len(rows)), state), state)

    def _misfit(self, x: Tensor, state: State, axes: int) -> str | None:
        """In words, why ``forward`` (``axes`` = 2) or ``step`` (1) cannot run; ``None`` where all fits."""
        start = "None" if axes == 2 else "initial_state(rows)"
        return input_misfit(self, x, axes) or self._not_a_state(state, len(x), start) or state_misplaced(self, state)

    def _check_state(self, state: State, rows: int, *, start: str) -> None:
        """Raise where ``state`` is none of this layer's, of so many rows; ``start`` is what to pass at the start."""
        if (misfit := self._not_a_state(state, rows, start)) is not None:
            raise ValueError(misfit)

    def _not_a_state(self, state: State, rows: int, start: str) -> str | None:
        if (misfit := self._state_misfit(state, rows)) is None:
            return None
        name = type(self).__name__
        return (
            f"this is not a state of {name} for a batch of {rows} rows: {misfit}; states are batch first; "
            f"pass the state that {name} returned, or {start} to start"
        )

    def _state_misfit(self, state: State, batch: int) -> str | None:
        """In words, why ``state`` is none of this layer's; what fits is let through at a glance, the rest looked at.

        The form is worked out again whenever something does not fit: the layer may have another dtype by now.
        """
        if self._state_form is not None and tree.fits(state, self._state_form, batch):
            return None
        with undrawn():
            example = self.initial_state(1)
        self._state_form = tree.form(example)
        return tree.misfit(state, example, batch)
