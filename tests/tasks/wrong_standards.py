"""Tasks whose chance level, oracle or baselines are wrong."""

from statewise.tasks import one_hot_logits

from .echo import Echo, Faults


class WrongChance(Echo):
    def chance(self):
        return 1 / (self.symbols + 1)


class NoChance(Echo):
    def chance(self):
        return None


class EasilySolved(Echo):
    solved_at = 0.1


class Peeking(Echo):
    def oracle(self, batch):
        return one_hot_logits(batch.targets, self.symbols)


class Late(Echo):
    def oracle(self, batch):
        return super().oracle(batch).roll(1, 1)


class NoOracle(Echo):
    def oracle(self, batch):
        return None


class OtherBaseline(Echo):
    def baselines(self):
        return {"constant": {"loss": 1.0}}


FAULTS: Faults = {
    "chance of one symbol more": ("chance", WrongChance, "stated is 0.16"),
    "no chance": ("chance", NoChance, "needs a chance"),
    "chance solves it": ("chance", EasilySolved, "counts as solved"),
    "an oracle that reads the answers": ("oracle", Peeking, "not 1"),
    "an oracle a step late": ("oracle", Late, "not 1"),
    "no oracle": ("oracle", NoOracle, "needs an oracle"),
    "a baseline without the primary score": ("baselines", OtherBaseline, "'constant' has no 'accuracy'"),
}  # fmt: skip
