"""The list of laws, and the one function that tries a layer on all of them."""

from collections.abc import Callable, Mapping
from typing import Literal

from statewise.contract import Decoder, EncoderLayer, SequenceLayer, StructureLayer
from statewise.laws.broken import naming
from statewise.laws.decoder import check_source, prepare_decoder, with_sources
from statewise.laws.encoder import check_encoder
from statewise.laws.form import contract
from statewise.laws.gears import any_chunking, step_is_forward, stepper_is_step
from statewise.laws.gradients import gradients
from statewise.laws.independence import causal, rows_are_independent
from statewise.laws.precision import exports, precisions
from statewise.laws.purity import parameters_are_the_truth, pure
from statewise.laws.recordings import recordings
from statewise.laws.structure import check_structure
from statewise.laws.subject import Subject, prepare

LAWS: Mapping[str, Callable[[Subject], None]] = {
    "contract": contract,
    "pure": pure,
    "causal": causal,
    "rows are independent": rows_are_independent,
    "step = forward": step_is_forward,
    "stepper = step": stepper_is_step,
    "any chunking": any_chunking,
    "recordings": recordings,
    "parameters are the whole truth": parameters_are_the_truth,
    "gradients": gradients,
    "precisions": precisions,
    "exports": exports,
}
"""Name of each law -> the function that tries it; from the narrow to the broad, so that the first one broken names the
fault and not a consequence of it."""

EVAL_ONLY = frozenset({"precisions", "exports"})
"""Laws tried in eval mode alone: noise is the same in every precision, and it is the eval step that ships."""


def check(
    layer: SequenceLayer | EncoderLayer | StructureLayer,
    *,
    seed: int = 0,
    mode: Literal["both", "eval", "train"] = "both",
) -> None:
    """Try ``layer`` on every law: in float64, from warm states, in eval mode and with fixed noise seeds in train mode.

    Decoders are tried on the laws of sources too, from ragged sources, and what holds a decoder from a source that all
    rows share; encoders, and layers of trees and graphs, on laws of their own, in eval mode.

    The layer is copied, never changed. Its widths should differ from each other and from the batch of 5, and windows
    should be shorter than the 9 time steps, so that no mix-up of axes can hide.

    Args:
        layer: a layer with small widths (3 to 5).
        seed: governs inputs, warm states, cotangents and noise.
        mode: which modes to try.

    Raises:
        LawBroken: at the first broken law.
    """
    if isinstance(layer, EncoderLayer):
        check_encoder(layer, seed)
        return
    if isinstance(layer, StructureLayer):
        check_structure(layer, seed)
        return
    if isinstance(layer, Decoder):
        check_source(layer, seed)
    for name in LAWS:
        for training in _modes(name, mode):
            check_law(name, layer, seed=seed, training=training)


def check_law(name: str, layer: SequenceLayer, *, seed: int = 0, training: bool = False) -> None:
    """Try ``layer`` on the one law ``name``; whatever goes wrong in it is reported as that law broken."""
    with naming(name):
        if isinstance(layer, Decoder):
            subject = prepare_decoder(layer, seed=seed, training=training)
        else:
            subject = prepare(with_sources(layer, seed), seed=seed, training=training)
        LAWS[name](subject)


def _modes(name: str, mode: str) -> tuple[bool, ...]:
    """Which values of ``training`` the law is tried with."""
    if mode == "eval" or (mode == "both" and name in EVAL_ONLY):
        return (False,)
    return (True,) if mode == "train" else (False, True)
