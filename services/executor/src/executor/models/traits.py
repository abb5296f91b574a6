"""What is known of a provider's models."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traits:
    """How a provider's models are asked, and their answers read.

    `priced`: their prices are published. `tagged`: they may write thoughts into their answers.
    `shapes`: they take a schema of the answer, `beside_tools` too, and only one that is `closed`.
    `one_shape`: a model that refuses one schema has no such thing, and would refuse all.
    """

    priced: bool = True
    tagged: bool = False
    shapes: bool = True
    beside_tools: bool = True
    closed: bool = False
    one_shape: bool = False
