import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.domain.accounts.users import account_of, check_password, checked_email
from common.errors import InvalidRequest


@pytest.mark.parametrize(
    "email",
    [
        "user@example.com",
        "a@host.test",
        "a@printer.local",
        "a@localhost",
        "Ünï@bücher.de",
        "a+b@x.co",
    ],
)
def test_addresses_of_private_and_foreign_networks_are_taken(email):
    assert account_of(checked_email(email)) == account_of(email.upper())


@pytest.mark.parametrize(
    "email",
    ["", "a", "@x.com", "a@", "a b@x.com", "a@x..com", "a@[127.0.0.1]", "<a>@x.com", "a@x.com\n.b"],
)
def test_what_is_no_address_is_refused_by_name(email):
    with pytest.raises(InvalidRequest) as refused:
        checked_email(email)
    assert refused.value.details["field"] == "email"


def test_an_account_is_the_same_however_its_domain_is_spelled():
    assert account_of("a@BÜCHER.de") == account_of("A@xn--bcher-kva.de")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@example.com", " A@EXAMPLE.COM "),
        ("a@b\u00fccher.de", "a@B\u00dcCHER.DE"),
        ("a@b\u00fccher.de", "a@bu\u0308cher.de"),
        ("J\u00f6rg@x.de", "jo\u0308rg@x.de"),
        ("a@\uff45xample.com", "a@example.com"),
    ],
)
def test_spellings_of_one_address_are_one_account(one, other):
    assert account_of(one) == account_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("stra\u00dfe@x.de", "strasse@x.de"),
        ("u\u017fer@x.de", "user@x.de"),
        ("\u0430dmin@x.de", "admin@x.de"),
        ("ad\u0131@x.de", "adi@x.de"),
    ],
)
def test_addresses_that_only_look_alike_are_not_one_account(one, other):
    assert account_of(one) != account_of(other)


@pytest.mark.parametrize(
    "email",
    [
        "a@x.com.",
        "a.@x.com",
        "a\u200b@x.com",
        "a@x\u200b.com",
        "a\u00a0b@x.com",
        "a\x00@x.com",
        '"a"@x.com',
        "a@x.com,b@y.com",
    ],
)
def test_what_could_hide_another_address_is_refused(email):
    with pytest.raises(InvalidRequest):
        checked_email(email)


@given(st.text(max_size=60))
def test_any_text_has_an_account_form_that_stays(text):
    assert account_of(account_of(text)) == account_of(text)


@pytest.mark.parametrize(("length", "taken"), [(7, False), (8, True), (200, True), (201, False)])
def test_passwords_have_8_to_200_characters(length, taken):
    if taken:
        check_password("ü" * length)
        return
    with pytest.raises(InvalidRequest) as refused:
        check_password("ü" * length)
    assert refused.value.details["field"] == "password"
