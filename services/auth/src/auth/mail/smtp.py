"""Letters by SMTP, with the standard library's client on a thread; no request waits for them."""

import asyncio
import smtplib
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from common.logs import get_logger
from common.process.backoff import Backoff

log = get_logger(__name__)

MOST_WAITING = 1_000
"""Letters that wait for the server; beyond it new ones are dropped, and that is logged."""
_TIMEOUT = 15.0
_TRIES = 4
_BACKOFF = Backoff.doubling(2.0, 8.0)
_LONGEST_SUBJECT = 150


class NoPost:
    """Where no server is set. Fulfils `Post`."""

    sends = False

    def send(self, to: str, subject: str, text: str) -> None:
        pass


class SmtpServer:
    """A mail server, `smtp://user:password@host:port`.

    `smtps` uses TLS from the start, `smtp+starttls` before anything else is sent. `smtp` uses it where it is
    offered; without it, no password is sent except to this machine itself.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or "localhost"
        self._port = parts.port or {"smtp": 25, "smtps": 465, "smtp+starttls": 587}[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message over. Blocks; raises `OSError`, which `SMTPException` is one of."""
        message["From"] = self._sender
        with self._connect() as server:
            secure = self._scheme == "smtps"
            if self._scheme == "smtp+starttls" or (not secure and server.has_extn("starttls")):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
                secure = True
            if self._user:
                if not secure and self._host not in {"localhost", "127.0.0.1", "::1"}:
                    raise smtplib.SMTPNotSupportedError("It offers no TLS to send a password by.")
                server.login(self._user, self._password)
            server.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_TIMEOUT, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=_TIMEOUT)
        server.ehlo()
        return server


class SmtpPost:
    """Sends letters one after the other, in the background. Fulfils `Post`; `run` must be running."""

    sends = True

    def __init__(self, server: SmtpServer, backoff: Backoff = _BACKOFF) -> None:
        self._server = server
        self._backoff = backoff
        self._waiting: asyncio.Queue[EmailMessage] = asyncio.Queue(MOST_WAITING)

    def send(self, to: str, subject: str, text: str) -> None:
        try:
            self._waiting.put_nowait(_letter(to, subject, text))
        except asyncio.QueueFull:
            log.warning("a letter was dropped: too many wait for the mail server", subject=subject)
        except ValueError as fault:
            log.warning("a letter cannot be written", reason=str(fault))

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        while True:
            message = await self._waiting.get()
            await self._deliver(message)

    async def close(self, within: float) -> None:
        """Send what still waits, in so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._waiting.empty():
                    await self._deliver(self._waiting.get_nowait())
        if not self._waiting.empty():
            log.warning("letters were dropped at shutdown", count=self._waiting.qsize())

    async def _deliver(self, message: EmailMessage) -> None:
        for tries in range(1, _TRIES + 1):
            try:
                await asyncio.to_thread(self._server.deliver, message)
            except (OSError, UnicodeError, ValueError) as fault:
                del message["From"]
                if tries == _TRIES or not _may_pass(fault):
                    log.warning("a letter could not be sent", reason=repr(fault), tries=tries)
                    return
                log.warning("a letter is sent again later", reason=repr(fault), tries=tries)
                await asyncio.sleep(self._backoff.pause(tries))
            else:
                return


def _may_pass(fault: Exception) -> bool:
    """Return whether another try may help: not after a 5xx, nor where nothing was asked."""
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return all(code < 500 for code, _ in fault.recipients.values())
    if isinstance(fault, smtplib.SMTPResponseException):
        return fault.smtp_code < 500
    return isinstance(fault, OSError) and not isinstance(fault, smtplib.SMTPNotSupportedError)


def _letter(to: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    name, _, domain = to.rpartition("@")
    message["To"] = Address(username=name, domain=domain)
    # Names that people give themselves are in it: on one line, and not a long one.
    message["Subject"] = " ".join(subject.split())[:_LONGEST_SUBJECT]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="kasal")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message
