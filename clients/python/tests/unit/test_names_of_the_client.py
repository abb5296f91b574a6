"""What `from kasal_client import …` gives, though it is imported when it is first used."""

import kasal
import kasal_client


def test_every_name_is_there_under_both_names() -> None:
    for name in kasal_client.__all__:
        assert getattr(kasal_client, name) is getattr(kasal, name)
    assert set(dir(kasal_client)) == set(kasal_client.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(kasal_client, "Nothing")
