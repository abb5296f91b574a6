"""Registering, and what addresses and passwords may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.config import Settings
from auth.domain.accounts.accounts import Accounts
from auth.domain.accounts.users import account_of, check_password, checked_email
from auth.domain.logins.revocations import LONGEST_ACCESS
from common.errors import Forbidden, InvalidRequest
from common.identity import Role


async def test_registering_makes_a_user_and_a_free_workspace_of_their_own(world):
    user, workspace = await world.accounts.register("Ann@Example.com", "12345678", None)
    assert (user.email, user.name) == ("Ann@example.com", "Ann")
    assert workspace.tier == "free"
    assert [(one.user_id, one.role) for one in workspace.members] == [(user.id, Role.OWNER)]
    assert user.password_hash == "hash of 12345678"


async def test_a_taken_address_is_answered_as_a_free_one_and_makes_nothing(world):
    first, _ = await world.accounts.register("a@example.com", "12345678", None)
    world.post.letters.clear()
    user, workspace = await world.accounts.register("A@EXAMPLE.com", "87654321", "Other")
    assert (user.email, user.name, workspace.name) == (
        "A@example.com",
        "Other",
        "Other's workspace",
    )
    assert list(world.users.held.values()) == [first]
    assert len(world.workspaces.held) == 1
    ((to, subject, _),) = world.post.letters
    assert (to, subject) == ("A@example.com", "You have an account already")
    for _ in range(5):
        await world.accounts.register("a@example.com", "87654321", None)
    assert len(world.post.letters) == 3  # a stranger cannot fill a mailbox


async def test_a_registration_that_was_cut_off_is_finished_by_the_first_login(world):
    user, workspace = await world.accounts.register("a@example.com", "12345678", "Ann")
    world.workspaces.held.clear()  # as if the process had died in between
    told = await world.logins.login("a@example.com", "12345678", None)
    assert world.mint.read(told.access_token).workspace_id == workspace.id == user.home
    assert world.workspaces.held[workspace.id].name == "Ann's workspace"


async def test_registration_can_be_switched_off(world):
    closed = Accounts(
        world.users, world.workspaces, world.passwords, world.letters, open_to_all=False
    )
    with pytest.raises(Forbidden):
        await closed.register("a@example.com", "12345678", None)
    assert world.users.held == {}


async def test_ensuring_twice_is_once_and_completes_what_is_missing(world):
    async def ensure(email="user@example.com"):
        return await world.accounts.ensure(
            email=email,
            password="secure_password",
            name="Demo",
            workspace_id="ws_demo",
            tier="pro",
            role=Role.OWNER,
        )

    first = await ensure()
    assert await ensure() == first
    second = await ensure("second@example.com")

    demo = world.workspaces.held["ws_demo"]
    assert demo.tier == "pro"
    assert [one.user_id for one in demo.members] == [first.id, second.id]


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


def test_no_setting_lets_tokens_outlive_their_revocation():
    longest = next(
        one.le for one in Settings.model_fields["access_ttl"].metadata if hasattr(one, "le")
    )
    assert longest == LONGEST_ACCESS.total_seconds()
