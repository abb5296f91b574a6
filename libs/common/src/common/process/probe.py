"""`python -m common.process.probe [healthz|readyz]`: checks the process of this container.

For images, which have no curl. It exits with 0 if the service on KASAL_PORT answers 200, else with 1
and one line that says why. It imports very little, as a container engine starts it every few seconds.
"""

import os
import socket
import sys

_WITHIN = 4.0
"""Seconds; the readiness checks behind `/readyz` take up to two."""


def main() -> None:
    """Send the request and exit accordingly."""
    path = sys.argv[1] if len(sys.argv) > 1 else "healthz"
    port = os.environ.get("KASAL_PORT")
    if not port:
        sys.exit("KASAL_PORT is not set")
    try:
        answer = _ask(int(port), path)
    except (OSError, ValueError) as fault:
        sys.exit(f"/{path} on port {port}: {fault}")
    status, body = answer
    if status != "200":
        sys.exit(f"/{path} on port {port}: {status} {body}")


def _ask(port: int, path: str) -> tuple[str, str]:
    """Return the status and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), _WITHIN) as connection:
        connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            status = answer.readline().split()
            body = answer.read().partition(b"\r\n\r\n")[2]
    return (status[1].decode() if len(status) > 1 else "no answer"), body.decode(errors="replace")


if __name__ == "__main__":
    main()
