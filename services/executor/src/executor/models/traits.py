"""What is known about a provider's models."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traits:
    """How to ask a provider's models, and how to read their answers.

    `priced`: their prices are published. `tagged`: they may write thoughts into their answers.
    `shapes`: they accept a schema for the answer; `beside_tools`: along with tools, too; `closed`:
    only one that names all properties. `one_shape`: a model that refuses one schema refuses all.
    `assembled`: their client puts streamed answers together itself.
    """

    priced: bool = True
    tagged: bool = False
    shapes: bool = True
    beside_tools: bool = True
    closed: bool = False
    one_shape: bool = False
    assembled: bool = False
