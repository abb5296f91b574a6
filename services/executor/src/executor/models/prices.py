"""What tokens cost, from the published prices that come with pydantic-ai; no request is made."""

from typing import Any

from common.contracts.model_access import TokenPrice
from common.logs import get_logger
from executor.models.dialogue import Tokens

log = get_logger(__name__)


def price(native: Any, tokens: Tokens) -> float | None:
    """Return what `tokens` of pydantic-ai's model `native` cost in US dollars; None if unknown."""
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=tokens.input, output_tokens=tokens.output)
    name, url = str(native.model_name), getattr(native, "base_url", None)
    for where in ({"provider_api_url": url}, {"provider_id": str(native.system)}):
        if not all(where.values()):
            continue
        try:
            return float(calc_price(usage, name, **where).total_price)
        except LookupError:
            continue
        except Exception:  # accounting must not fail a run
            log.exception("tokens could not be priced", model=name)
            return None
    return None


def cost(rate: TokenPrice, tokens: Tokens) -> float:
    """Return what `tokens` cost in US dollars at a workspace's own price."""
    return (tokens.input * rate.input + tokens.output * rate.output) / 1_000_000
