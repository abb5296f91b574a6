import pytest

from common.errors import (
    Forbidden,
)
from common.identity import Identity, Role


def test_each_role_may_do_what_the_lower_ones_may():
    for held in Role:
        who = Identity("u", "w", held, "s", 0, 0)
        for needed in Role:
            if held >= needed:
                who.require(needed)
            else:
                with pytest.raises(Forbidden, match=needed.label):
                    who.require(needed)
