"""The attentive decoder: the equations of the paper, what it looks at, and an ordinary layer from the start on."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from statewise import probe, tree
from statewise.combine.bidirectional import Bidirectional
from statewise.combine.pointwise import Embed
from statewise.contract import Model, Tokens, Vectors
from statewise.layers.attention.attentive_decoder import AttentiveDecoder
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM

D, M, H, A = 3, 6, 4, 5
"""Widths of input, source, cell and attention"""


def small() -> AttentiveDecoder:
    torch.manual_seed(0)
    cell = partial(GRU, reset_placement="before")
    decoder = AttentiveDecoder(input_size=D, hidden_size=H, memory_size=M, attention_size=A, cell=cell)
    return decoder.double()


def source(*lengths: int) -> tuple[Tensor, Tensor]:
    memory = torch.randn(len(lengths), max(lengths), M, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return memory, torch.tensor(lengths)


def papers_row(decoder: AttentiveDecoder, x: Tensor, annotations: Tensor) -> Tensor:
    """Appendix A.1.2 for one sentence, position by position, from s_0 = 0; a row a word, s_i and c_i side by side."""
    w_a, u_a, v_a = decoder.project_query.weight, decoder.project_memory.weight, decoder.score.weight[0]
    cell = decoder.cell
    w_r, w_z, w_n = (part for part in cell.weight_ih_l0.chunk(3))
    u_r, u_z, u_n = (part for part in cell.weight_hh_l0.chunk(3))
    b_r, b_z, b_n = (part for part in (cell.bias_ih_l0 + cell.bias_hh_l0).chunk(3))
    s, rows = x.new_zeros(H), []
    for word in x:
        e = torch.stack([v_a @ torch.tanh(w_a @ s + u_a @ h_j) for h_j in annotations])
        alpha = e.exp() / e.exp().sum()
        c = sum(a * h_j for a, h_j in zip(alpha, annotations, strict=True))
        seen = torch.cat([word, c])
        z, r = torch.sigmoid(w_z @ seen + u_z @ s + b_z), torch.sigmoid(w_r @ seen + u_r @ s + b_r)
        s = z * s + (1 - z) * torch.tanh(w_n @ seen + u_n @ (r * s) + b_n)
        rows.append(torch.cat([s, c]))
    return torch.stack(rows)


def test_it_is_the_papers_decoder_row_by_row():
    decoder = small()
    memory, lengths = source(7, 3)
    x = torch.randn(2, 4, D, dtype=torch.float64)
    y, _ = decoder(x, decoder.start(memory, lengths))
    for row in range(2):
        expected = papers_row(decoder, x[row], memory[row, : lengths[row]])
        torch.testing.assert_close(y[row], expected, rtol=1e-12, atol=1e-12)


def test_it_looks_at_its_own_source_alone_and_everywhere_there():
    decoder = small()
    with probe.recording(decoder) as seen:
        decoder(torch.randn(3, 2, D, dtype=torch.float64), decoder.start(*source(5, 2, 0)))
    for weights in seen[""]["attention"].unbind(1):
        assert weights.sum(dim=1).tolist() == pytest.approx([1, 1, 0])
        assert (weights > 0).sum(dim=1).tolist() == [5, 2, 0]


def test_where_the_score_is_sharp_it_reads_one_position():
    decoder = small()
    memory, _ = source(6)
    with torch.no_grad():
        decoder.project_query.weight.zero_()
        decoder.project_memory.weight.copy_(torch.eye(A, M))
        decoder.score.weight.fill_(0.0)[0, 0] = 1e4
    y, _ = decoder(torch.zeros(1, 1, D, dtype=torch.float64), decoder.start(memory))
    torch.testing.assert_close(y[0, 0, H:], memory[0, memory[0, :, 0].argmax()])


def test_a_state_without_a_source_is_a_start_on_an_empty_one():
    decoder = small()
    x = torch.randn(2, 3, D, dtype=torch.float64)
    y, state = decoder(x)
    assert tree.form(state) == tree.form(decoder.start(torch.zeros(2, 0, M)))
    padded, _ = decoder(x, decoder.start(torch.full((2, 4, M), float("nan")), torch.tensor([0, 0])))
    torch.testing.assert_close(y, padded, rtol=0, atol=0)
    assert not y[:, :, H:].any()


def test_a_reset_empties_the_source_of_that_row():
    decoder = small()
    x, reset = torch.randn(2, 6, D, dtype=torch.float64), torch.zeros(2, 6, dtype=torch.bool)
    reset[1, 2] = True
    start = decoder.start(*source(5, 4))
    y, state = decoder(x, start, reset=reset)
    torch.testing.assert_close(y[0], decoder(x, start)[0][0])
    torch.testing.assert_close(y[1, 2:], decoder(x[1:, 2:])[0][0])
    assert state.lengths.tolist() == [5, 0]


def test_sources_of_any_length_are_taken_and_foreign_states_refused():
    decoder = small()
    x = torch.randn(2, 2, D, dtype=torch.float64)
    for lengths in ((4, 2), (9, 9), (1, 0), (4, 4)):
        decoder(x, decoder.start(*source(*lengths)))
    right = decoder.start(*source(4, 2))
    wrong = [
        (right._replace(keys=right.keys[:1]), r"its leaf 'keys' has shape \(1, 4, 5\), expected \(2, any, 5\)"),
        (right._replace(memory=right.memory[..., :2]), r"'memory' has shape \(2, 4, 2\), expected \(2, any, 6\)"),
        (right._replace(s=right.s[:1]), r"'s' has shape \(1, 4\), expected \(2, 4\)"),
        (right._replace(memory=right.memory[0]), r"'memory' has shape \(4, 6\)"),
        (tuple(right), "it has the structure"),
        (right.s, "it has the structure"),
    ]
    for state, message in wrong:
        with pytest.raises(ValueError, match=f"not a state of AttentiveDecoder for a batch of 2 rows: .*{message}"):
            decoder(x, state)


def test_what_is_no_source_is_refused():
    decoder = small()
    for shape in ((2, 4, D), (4, M), (2, 4, M, 1)):
        with pytest.raises(ValueError, match=r"AttentiveDecoder reads a source \(B, S, 6\), got shape"):
            decoder.start(torch.zeros(shape))
    with pytest.raises(ValueError, match="between 0 and 4"):
        decoder.start(torch.zeros(2, 4, M), torch.tensor([5, 0]))
    with pytest.raises(ValueError, match="absolute, not fractions"):
        decoder.start(torch.zeros(2, 4, M), torch.tensor([1.0, 0.5]))


def test_a_start_has_the_layers_precision_also_under_autocast_and_from_another():
    decoder = small().float()
    outside = decoder.start(*source(4, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = decoder.start(torch.zeros(2, 4, M, dtype=torch.bfloat16))
        decoder(torch.zeros(2, 3, D), outside)
    assert tree.form(inside) == tree.form(outside)


def translator() -> tuple[Bidirectional, Model]:
    """An encoder of vectors, and a model of 5 words that looks at what it puts out."""
    torch.manual_seed(3)
    encoder = Bidirectional(GRU(input_size=5, hidden_size=8), GRU(input_size=5, hidden_size=8))
    decoder = AttentiveDecoder(input_size=8, hidden_size=16, memory_size=16, attention_size=8, cell=LSTM)
    embedding = Embed(Tokens(5), width=8)
    return encoder, Model(decoder, nn.Linear(decoder.output_size, 5), 5, embedding=embedding)


def sentences(seed: int, rows: int) -> tuple[Tensor, Tensor, Tensor]:
    """Words ``(B, 6)``, lengths, and the words in reverse order, 0 being both the first word said and the padding."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(1, 5, (rows, 6), generator=generator)
    lengths = torch.randint(2, 7, (rows,), generator=generator)
    places = lengths.unsqueeze(1) - 1 - torch.arange(6)
    return words, lengths, torch.where(places >= 0, words.gather(1, places.clamp(min=0)), 0)


def test_encoder_and_decoder_learn_to_say_a_sentence_backwards_and_generate_it_step_by_step():
    encoder, model = translator()
    optimizer = torch.optim.Adam([*encoder.parameters(), *model.parameters()], lr=0.01)
    for update in range(200):
        words, lengths, target = sentences(update, rows=64)
        state = model.body.start(encoder(nn.functional.one_hot(words, 5).float(), lengths), lengths)
        said = torch.cat([target.new_zeros(64, 1), target[:, :-1]], dim=1)
        loss = nn.functional.cross_entropy(model(said, state)[0].transpose(1, 2), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    words, lengths, target = sentences(10_000, rows=64)
    with torch.no_grad():
        state = model.body.start(encoder(nn.functional.one_hot(words, 5).float(), lengths), lengths)
        word, written = torch.zeros(64, dtype=torch.int64), []
        for _ in range(6):
            logits, state = model.step(word, state)
            word = logits.argmax(dim=1)
            written.append(word)
    right = (torch.stack(written, dim=1) == target).float().mean()
    assert right > 0.9
    assert model.input_form == Tokens(5)
    assert encoder.input_form == Vectors(5)
