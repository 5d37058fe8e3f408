"""Every planted fault is noticed, by the law that names it, at the place where it is."""

import inspect

import pytest

from statewise import laws
from statewise.contract import SequenceLayer

from . import wrong_fast_paths as fast
from . import wrong_layers as wrong
from . import wrong_steppers as streams

CONTRACT, PURE, CAUSAL, ROWS = "contract", "pure", "causal", "rows are independent"
GEARS, CHUNKS, RECORDINGS, TRUTH = "step = forward", "any chunking", "recordings", "parameters are the whole truth"
GRADIENTS, PRECISIONS, EXPORTS, STEPPER = "gradients", "precisions", "exports", "stepper = step"

FAULTS = [
    (wrong.TimeFirstState, CONTRACT, "initial_state(2)['h'] has shape (1, 2, 6): batch is not axis 0"),
    (wrong.OneCountForAllRows, CONTRACT, "initial_state(1)['count'] has shape ()"),
    (wrong.StateInTheDefaultDtype, CONTRACT, "['h'] of a float64 layer is torch.float32: make it with self.zeros"),
    (wrong.StateOnTheDefaultDevice, CONTRACT, "['count'] stays on the cpu when the layer is moved: make it with self"),
    (wrong.CountBecomesReal, CONTRACT, "a state's leaf of torch.int64 came back as torch.float32"),
    (fast.StateGrows, CONTRACT, "a state's leaf of shape (5, 2, 3) came back as (5, 3, 3)"),
    (wrong.OutputKeepsTheTimeAxis, CONTRACT, "step returns shape (5, 1, 4), expected (5, 4)"),
    (fast.StateBecomesATuple, CONTRACT, "a state of structure {'h': *, 'count': *} came back as (*, *)"),
    (wrong.StateOnTheModule, PURE, "the same call twice: output"),
    (wrong.StateChangedInPlace, PURE, "forward changes the state['h']"),
    (fast.InputChangedInPlace, PURE, "forward changes the input"),
    (wrong.RunningStatistics, PURE, "forward changes the weights and buffers['mean']"),
    (wrong.NoiseFromNowhere, PURE, "the same call twice: output"),
    (wrong.BranchOverTheBatch, ROWS, "row 0 alone: output"),
    (wrong.NormalisedOverTheBatch, ROWS, "row 0 alone: output"),
    (wrong.CountOfTheFirstRow, ROWS, "row 1 alone: output"),
    (wrong.SqueezedBatch, ROWS, "permuted rows: output"),
    (wrong.NaNThroughAMask, ROWS, "beside a row of NaN: output: differs by inf"),
    (wrong.IgnoresTheInputOfNow, CAUSAL, "y_t does not depend on x_t at step 1"),
    (fast.ConvolutionLooksAhead, CAUSAL, "y before step 1 after a finite change from there on"),
    (fast.NormalisedOverTime, CAUSAL, "y before step 1 after a finite change from there on"),
    (fast.FastPathForgetsTheState, GEARS, "the whole sequence: output"),
    (fast.FastPathForgetsTheBias, GEARS, "the whole sequence: output"),
    (fast.StateOfTheStepBefore, GEARS, "the whole sequence: final state['h']"),
    (fast.CountsOneCall, GEARS, "the whole sequence: final state['count']"),
    (fast.FastPathCutsTheGraph, GEARS, "gradient of the initial state['h']"),
    (fast.NoiseCountsWithinTheCall, GEARS, "the whole sequence: output"),
    (streams.BeginsAnew, STEPPER, "the whole sequence: output"),
    (streams.OverwritesWhatItWasGiven, STEPPER, "the state that it was given: output"),
    (fast.TailDropped, CHUNKS, "cut at (0, 1): output"),
    (fast.AnotherFormulaForShortChunks, CHUNKS, "cut at (0, 1): output"),
    (fast.ResetByAProduct, CHUNKS, "what follows a reset: differs by inf"),
    (fast.ResetOneStepLate, CHUNKS, "reset of row 1: output"),
    (fast.RecordsUnitsFirst, RECORDINGS, "h has shape (6, 9, 5)"),
    (fast.RecordsTwiceAStep, RECORDINGS, "h has shape (5, 18, 6)"),
    (fast.RecordsTheMeanOverRows, RECORDINGS, "'size' was recorded as one number; record (B, ...)"),
    (fast.LookedAtIsAnother, RECORDINGS, "while a recorder is open: output: differs by"),
    (wrong.ShadowParameters, TRUTH, "functional_call: output"),
    (wrong.BufferLeftOutOfTheFile, TRUTH, "state_dict: output"),
    (wrong.ParameterNeverReached, GRADIENTS, "parameter 'forgotten' is never reached"),
    (wrong.InitialStateCut, GRADIENTS, "parameter 'start' is never reached"),
    (fast.RecurrenceCut, GRADIENTS, "the derivative in the input is not what differences say: Jacobian mismatch"),
    (wrong.StateRoundedOnTheWay, GRADIENTS, "the derivative in "),
    (wrong.WeightCutOnOnePath, GRADIENTS, "the derivative in parameter 'bias'"),
    (wrong.OverflowsInSinglePrecision, PRECISIONS, "forward in torch.float32 is not finite"),
    (wrong.CountsInBrainFloats, PRECISIONS, "forward in torch.bfloat16 differs from float64"),
    (wrong.BranchOnData, EXPORTS, "torch.export refuses step"),
]
"""The layer, the law that notices it first, and the place that the message names"""


@pytest.mark.parametrize(("kind", "law", "place"), FAULTS, ids=[kind.__name__ for kind, _, _ in FAULTS])
def test_the_fault_is_noticed_and_named(kind: type[SequenceLayer], law: str, place: str):
    with pytest.raises(laws.LawBroken) as caught:
        laws.check(kind())
    assert caught.value.law == law
    assert place in str(caught.value)


@pytest.mark.parametrize("kind", [wrong.Right, fast.RightConvolution])
def test_what_the_faults_break_was_right(kind: type[SequenceLayer]):
    laws.check(kind())


def test_every_wrong_layer_is_tried():
    written = {
        kind
        for module in (wrong, fast, streams)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, SequenceLayer) and kind is not SequenceLayer
    }
    assert written - {wrong.Right, fast.RightConvolution} == {kind for kind, _, _ in FAULTS}


def test_every_law_notices_something():
    assert {law for _, law, _ in FAULTS} == set(laws.LAWS)
