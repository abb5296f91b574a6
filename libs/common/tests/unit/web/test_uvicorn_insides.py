"""What the platform's protocols use of uvicorn beyond its documented API is still there.

Whoever raises the bound on uvicorn in `libs/common/pyproject.toml` learns here what to look at first.
"""

import inspect
import re
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

METHODS: list[tuple[type, str, str]] = [
    (HttpToolsProtocol, "common.web.protocol", ("connection_made connection_lost data_received "
     "on_message_begin on_url on_header on_headers_complete on_body on_message_complete "
     "handle_websocket_upgrade _should_upgrade send_400_response pause_writing resume_writing")),
    (WebSocketsSansIOProtocol, "common.web.socket_protocol", ("connection_lost data_received "
     "pause_writing resume_writing receive send handle_ping handle_pong handle_cont handle_text "
     "handle_bytes")),
    (uvicorn.Server, "common.web.server", "capture_signals on_tick startup serve"),
]  # fmt: skip
ATTRIBUTES: list[tuple[type, str, str]] = [
    (HttpToolsProtocol, "common.web.protocol", ("loop transport cycle pipeline headers url parser "
     "server_state")),
    (RequestResponseCycle, "common.web.protocol", ("disconnected message_event more_body "
     "response_started response_complete")),
    (WebSocketsSansIOProtocol, "common.web.socket_protocol", ("loop transport close_timeout close_sent "
     "handshake_initiated writable read_paused queue")),
    (uvicorn.Server, "common.web.server", "should_exit config"),
]  # fmt: skip


def changed(kind: type, user: str, names: list[str]) -> str:
    what = ", ".join(f"{kind.__name__}.{name}" for name in names)
    return (
        f"uvicorn {uvicorn.__version__} no longer has {what}, which {user} leans on: adapt that module "
        "before raising the bound on uvicorn in libs/common/pyproject.toml"
    )


@pytest.mark.parametrize(("kind", "user", "names"), METHODS)
def test_the_methods_that_are_extended_are_there(kind: Any, user: str, names: str) -> None:
    gone = [name for name in names.split() if not callable(getattr(kind, name, None))]
    assert not gone, changed(kind, user, gone)


@pytest.mark.parametrize(("kind", "user", "names"), ATTRIBUTES)
def test_the_attributes_that_are_read_are_set(kind: Any, user: str, names: str) -> None:
    source = inspect.getsource(kind)
    gone = [name for name in names.split() if not re.search(rf"\bself\.{name}\b[^=\n]*=", source)]
    assert not gone, changed(kind, user, gone)


def test_the_status_lines_are_bytes() -> None:
    assert STATUS_LINE[431].startswith(b"HTTP/1.1 431 ")


def test_a_name_that_is_gone_is_told_with_where_it_is_used() -> None:
    told = changed(HttpToolsProtocol, "common.web.protocol", ["on_url"])
    assert "HttpToolsProtocol.on_url" in told
    assert "common.web.protocol" in told
