import socket

import pytest


def test_a_unit_test_cannot_open_a_connection():
    with socket.socket() as link, pytest.raises(RuntimeError, match="must not"):
        link.connect(("127.0.0.1", 9))
