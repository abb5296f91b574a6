"""A proxy whose connections a test cuts."""

import contextlib
import socket
import threading
from typing import Self


class CuttingProxy:
    """Passes bytes on to a port until `cut`. `answers` are given in place of the target's, one a connection."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.answers: list[bytes] = []
        self.limit: int | None = None
        """Bytes of an answer after which a new connection breaks."""
        self.sent = bytearray()
        """What clients have sent."""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                _shut(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        _shut(self._listener)
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.answers:
                    self._refuse(client, self.answers.pop(0))
                    continue
                server = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._pairs.append((client, server))
                threading.Thread(
                    target=self._pass, args=(client, server, True), daemon=True
                ).start()
                threading.Thread(
                    target=self._pass, args=(server, client, False), daemon=True
                ).start()

    def _refuse(self, client: socket.socket, answer: bytes) -> None:
        with client:
            client.recv(65536)
            client.sendall(answer)

    def _pass(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        left = None if is_client else self.limit
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_client:
                    self.sent += data
                target.sendall(data if left is None else data[:left])
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        break
        for one in (source, target):
            _shut(one)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
