"""What a module in `providers` declares: a provider's model names, its settings, its client."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

from common.contracts.models import ProviderDeclaration
from common.registry import values_in
from executor.models import providers
from executor.models.connections import Access, ProviderConnection


@dataclass(frozen=True, slots=True)
class ProviderSetting:
    """A setting of the executor that one provider needs.

    `name` is in lower case, without the platform's prefix. `variables` are the environment variables
    that hold it, if not the usual one of `KASAL_` and the name.
    """

    name: str
    meaning: str
    variables: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class ModelProvider:
    """A provider of models. `connect` takes how to reach it and a timeout in seconds.

    `library` is what requests to it import first; a worker imports it while it warms up.
    """

    declaration: ProviderDeclaration
    connect: Callable[[Access, float], ProviderConnection]
    key: ProviderSetting | None = None
    address: ProviderSetting | None = None
    library: str = ""

    @property
    def name(self) -> str:
        """The provider's name in settings, traces and prices."""
        return self.declaration.name

    @property
    def settings(self) -> tuple[ProviderSetting, ...]:
        """The settings it needs."""
        return tuple(one for one in (self.key, self.address) if one is not None)

    @property
    def key_variable(self) -> str:
        """The environment variable that holds its key, or an empty text if it needs none."""
        return self.key.variables[0] if self.key is not None else ""

    def complete_access(self, given: Access | None) -> Access:
        """Return `given`, with the provider's usual address if it has none."""
        given = given or Access()
        default = self.address.default if self.address is not None else None
        return Access(given.key, given.url or default)


def configured_libraries(given: Mapping[str, Access]) -> list[str]:
    """Return the modules that requests to the configured providers need; they take seconds to import."""
    return [
        provider.library
        for name, provider in model_providers().items()
        if provider.library and provider.complete_access(given.get(name)).is_given
    ]


def model_providers(package: ModuleType = providers) -> Mapping[str, ModelProvider]:
    """Return the providers that the modules of `package` declare, by name."""
    return {one.name: one for one in values_in(package, "PROVIDER", ModelProvider)}
