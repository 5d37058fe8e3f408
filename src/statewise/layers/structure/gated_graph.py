"""Gated graph neural network: what nodes hear from their neighbours, in rounds, updates a gated memory.

Li, Tarlow, Brockschmidt & Zemel 2016, arXiv 1511.05493, section 3.2. For a node v, in each of R rounds:

    h_v  = [x_v ; 0]                                          before the first round            (eq. 1)
    a_v  = [sum of P_k h_u over edges u -> v ;
            sum of Q_k h_w over edges v -> w] + b             k: the kind of the edge           (eq. 2)
    z, r = sigmoid(W a_v + U h_v)                             update and reset gate             (eq. 3, 4)
    n    = tanh(W_n a_v + U_n (r * h_v))                                                        (eq. 5)
    h_v  <- (1 - z) * h_v + z * n,  y_v = h_v after the last  all nodes at once                 (eq. 6)

P_k and Q_k are the blocks of the paper's matrix A (its figure 1), for edges that arrive and that leave; our R is its
T, our n its h~. z is how much is new, not, as in ``torch.nn.GRU``, how much is kept. Only a node's R-th neighbours are
ever heard.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from statewise.contract import Structure, StructureLayer, Vectors
from statewise.init.matrices import orthogonal_blocks_, uniform_
from statewise.ops.linear import linear


class GatedGraphNetwork(StructureLayer):
    """h_v <- (1 - z) * h_v + z * n, all nodes at once, from what arrives along edges and against them.

    Any graph will do: cycles, edges from a node to itself, nodes without edges, which hear b alone. The weights are the
    same in every round.

    Args:
        input_size: D.
        hidden_size: H, width of the nodes' memories and of the output, at least D.
        rounds: R, how often all nodes listen.
        edge_kinds: K, how many kinds of edges have weights of their own.

    Raises:
        ValueError: if the width is below the input's, or there is no round or no kind of edge.

    >>> layer = GatedGraphNetwork(input_size=3, hidden_size=4, rounds=2)
    >>> triangle_and_a_node_alone = Structure.of_edges(4, [(0, 1), (1, 2), (2, 0)]).undirected()
    >>> layer(torch.randn(4, 3), triangle_and_a_node_alone).shape
    torch.Size([4, 4])
    """

    edge_kinds: int

    def __init__(self, *, input_size: int, hidden_size: int, rounds: int = 5, edge_kinds: int = 1) -> None:
        super().__init__(Vectors(input_size), hidden_size)
        if hidden_size < input_size:
            raise ValueError(f"nodes remember their input, so hidden_size must be at least {input_size}")
        if min(rounds, edge_kinds) < 1:
            raise ValueError(f"rounds and edge_kinds must be at least 1, got {rounds} and {edge_kinds}")
        self.rounds = rounds
        self.edge_kinds = edge_kinds
        blocks = 2 * edge_kinds * hidden_size
        self.weight_edges = nn.Parameter(uniform_(torch.empty(blocks, hidden_size), hidden_size))
        self.bias = nn.Parameter(torch.zeros(2 * hidden_size))
        self.weight_heard = nn.Parameter(uniform_(torch.empty(3 * hidden_size, 2 * hidden_size), 2 * hidden_size))
        self.weight_own = nn.Parameter(orthogonal_blocks_(torch.empty(3 * hidden_size, hidden_size)))

    def _encode(self, x: Tensor, structure: Structure) -> Tensor:
        h = F.pad(x, (0, self.output_size - x.shape[1]))
        for _ in range(self.rounds):
            h = self._update(self._hear(h, structure), h).to(x.dtype)
        return h

    def _hear(self, h: Tensor, structure: Structure) -> Tensor:
        """a ``(nodes, 2 H)``: what arrives along edges, and against them (eq. 2)."""
        said = linear(h, self.weight_edges).view(-1, 2, self.output_size)
        first, second = structure.edges * self.edge_kinds + structure.kinds
        silence = said.new_zeros(len(h), self.output_size)
        along = silence.index_add(0, structure.edges[1], said[first, 0])
        against = silence.index_add(0, structure.edges[0], said[second, 1])
        return torch.cat([along, against], dim=1) + self.bias

    def _update(self, heard: Tensor, h: Tensor) -> Tensor:
        """Equations 3 to 6."""
        to_z, to_r, to_n = linear(heard, self.weight_heard).chunk(3, dim=1)
        of_gates, of_n = self.weight_own.split([2 * self.output_size, self.output_size])
        own_z, own_r = linear(h, of_gates).chunk(2, dim=1)
        n = (to_n + linear((to_r + own_r).sigmoid() * h, of_n)).tanh()
        z = (to_z + own_z).sigmoid()
        return (1 - z) * h + z * n
