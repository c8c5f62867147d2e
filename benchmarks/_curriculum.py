"""Which N are trained at once, and when the next one comes (Khajehabdollahi et al., ICLR 2024)."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Curriculum"]


@dataclass
class Curriculum:
    """Starts at N = 2 and goes on when the accuracy of all heads, and of the last, is high.

    Attributes:
        kind: ``"multi"``: every N so far keeps its head; ``"single"``: the next replaces the last;
            ``"sliding"``: the ``keep`` largest stay.
        keep: Heads of ``"sliding"``.
        bar: Accuracy that must be exceeded.
        heads: The N that are trained now.
        solved: The largest N that got over the bar; 1 before the first.
    """

    kind: str = "multi"
    keep: int = 3
    bar: float = 0.98
    heads: list[int] = field(default_factory=lambda: [2])
    solved: int = 1

    def __post_init__(self) -> None:
        if self.kind not in ("multi", "single", "sliding"):
            raise ValueError(f"kind: multi, single or sliding, got {self.kind!r}")

    def report(self, accuracies: list[float]) -> bool:
        """Tell the accuracy of each head; whether the curriculum went on."""
        if len(accuracies) != len(self.heads):
            raise ValueError(f"one accuracy per head: {len(self.heads)}, got {len(accuracies)}")
        mean = sum(accuracies) / len(accuracies)
        if min(mean, accuracies[-1]) <= self.bar:
            return False
        self.solved = self.heads[-1]
        self.heads.append(self.solved + 1)
        if self.kind == "single":
            self.heads = self.heads[-1:]
        elif self.kind == "sliding":
            self.heads = self.heads[-self.keep :]
        return True
