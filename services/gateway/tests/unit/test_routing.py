"""Paths: which are let through, and where they lead."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.routing import Target, clean, is_socket, public_path, route

awkward = st.text(
    st.sampled_from(list("/.%\\25eEfF-_~aA0:@;")) | st.characters(max_codepoint=255), max_size=40
)


@given(awkward)
def test_what_is_clean_stays_clean_and_means_the_same(text):
    raw = f"/v1/{text}".encode("latin-1")
    cleaned = clean(raw)
    if cleaned is None:
        return
    assert clean(cleaned.encode()) == cleaned
    assert unquote(cleaned) == unquote(raw.decode("latin-1"))


@given(awkward)
def test_nothing_clean_can_climb_or_be_read_in_two_ways(text):
    cleaned = clean(f"/v1/{text}".encode("latin-1"))
    if cleaned is None:
        return
    decoded = unquote(cleaned)
    assert decoded.count("/") == cleaned.count("/")
    assert "\\" not in decoded
    assert not {"", ".", ".."} & set(decoded.split("/")[1:])
    assert unquote(decoded) == decoded


@given(awkward)
def test_a_request_only_reaches_the_folder_that_its_service_owns(text):
    cleaned = clean(f"/api/v1/{text}".encode("latin-1"))
    target = route("GET", cleaned) if cleaned else None
    if target is not None:
        assert not unquote(target.path).startswith("/internal")
        assert target.path.startswith("/")


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("POST", "/v1/auth/login", Target("auth", "/auth/login", open=True)),
        ("POST", "/v1/auth/password/forgot", Target("auth", "/auth/password/forgot", open=True)),
        ("POST", "/v1/auth/password/reset", Target("auth", "/auth/password/reset", open=True)),
        ("POST", "/v1/auth/password", Target("auth", "/auth/password")),
        (
            "POST",
            "/v1/auth/invitations/accept",
            Target("auth", "/auth/invitations/accept", open=True, token_checked=True),
        ),
        ("POST", "/v1/auth/logout", Target("auth", "/auth/logout")),
        ("POST", "/v1/auth/login/more", Target("auth", "/auth/login/more")),
        ("GET", "/.well-known/jwks.json", Target("auth", "/.well-known/jwks.json", open=True)),
        ("GET", "/v1/executions/j/events", Target("events", "/executions/j/events", streamed=True)),
        ("POST", "/v1/executions/j/events", Target("executor", "/executions/j/events")),
        ("GET", "/v1/executions/events", Target("executor", "/executions/events")),
        ("GET", "/v1/executions/a/b/events", Target("executor", "/executions/a/b/events")),
        ("GET", "/v1/internal/revocations", None),
        ("GET", "/internal/revocations", None),
        ("GET", "/v1/.well-known/jwks.json", None),
        ("GET", "/crews", None),
        ("GET", "/v2/crews", None),
    ],
)
def test_where_paths_lead(method, path, target):
    assert route(method, path) == target


def test_prefixes_and_the_socket():
    assert public_path("/api/v1/crews") == public_path("/v1/crews") == "/crews"
    assert is_socket("/v1/ws")
    assert not is_socket("/ws")
    assert clean(b"/" + b"a" * 3_000) is None
    assert clean(b"/v1/\xc3\xa4") is None
