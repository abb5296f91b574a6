"""Letters by a real SMTP server: plain, with STARTTLS and with TLS, with and without a password.

Covers: auth.domain.errands
"""

import asyncio
import contextlib
import datetime as dt
import email
import ipaddress
import ssl
from email import policy

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from auth.config import Settings
from auth.mail.smtp import SmtpPost, SmtpServer
from common.process.backoff import Backoff

USER, PASSWORD = "kasal@example.com", "p@ss/w:rd"
LOGIN = "kasal%40example.com:p%40ss%2Fw%3Ard@"


class MailServer:
    """What the server took. `answers` are given to the next letters instead of `250`."""

    def __init__(self) -> None:
        self.taken = []
        self.logins = []
        self.answers = []
        self.arrived = asyncio.Event()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        if self.answers:
            return self.answers.pop(0)
        message = email.message_from_bytes(envelope.content, policy=policy.SMTP)
        self.taken.append(
            (envelope.rcpt_tos, server.transport.get_extra_info("ssl_object") is not None, message)
        )
        self.arrived.set()
        return "250 OK"

    def authenticate(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == (USER, PASSWORD))

    async def letters(self, number):
        async with asyncio.timeout(60):
            while len(self.taken) < number:
                await self.arrived.wait()
                self.arrived.clear()
        return self.taken


@pytest.fixture
def certificate(tmp_path, monkeypatch):
    """A certificate of this machine, which clients of this test trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    held, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    held.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("SSL_CERT_FILE", str(held))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(held, secret)
    return context


@contextlib.asynccontextmanager
async def serving(tls=None, **more):
    server = MailServer()

    def protocol():
        return SMTP(server, auth_require_tls=False, authenticator=server.authenticate, **more)

    listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)
    async with listening:
        server.at = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


@contextlib.asynccontextmanager
async def posting(url):
    post = SmtpPost(SmtpServer(url, "Kasal <kasal@example.com>"), backoff=Backoff((0.01,)))
    running = asyncio.create_task(post.run())
    try:
        yield post
    finally:
        running.cancel()


async def test_an_invitation_goes_out_by_mail_and_its_token_is_the_one_that_was_shown(start):
    async with serving() as server, start(smtp_url=f"smtp://{server.at}") as client:
        owner = await client.owner()
        body = {"email": "Bea@example.com", "role": "viewer"}
        invited = await client.call("POST", "/workspace/invitations", body, token=owner, expect=201)
        assert invited["mailed"]
        (_, _, welcome), (to, _, letter) = await server.letters(2)
        assert (welcome["To"], to) == ("user@example.com", ["Bea@example.com"])
        assert letter["Subject"] == "Invitation to user's workspace"
        assert invited["token"] in letter.get_content()
        accepted = {"token": invited["token"], "password": "first_password"}
        await client.call("POST", "/auth/invitations/accept", accepted)


async def test_a_forgotten_password_comes_back_by_mail(start):
    async with serving() as server, start(smtp_url=f"smtp://{server.at}") as client:
        await client.register("user@example.com")
        for address in ("nobody@example.com", "USER@example.com"):
            body = {"email": address}
            await client.call("POST", "/auth/password/forgot", body, expect=202)
        _, (to, _, letter) = await server.letters(2)
        assert to == ["user@example.com"]
        token = next(line for line in letter.get_content().splitlines() if line.startswith("usr_"))
        reset = {"token": token, "password": "a new password"}
        await client.call("POST", "/auth/password/reset", reset, expect=204)
        await client.login("user@example.com", "a new password")


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
async def test_letters_and_passwords_go_over_tls(certificate, scheme):
    tls = {"tls": certificate} if scheme == "smtps" else {"tls_context": certificate}
    async with serving(**tls) as server:
        async with posting(f"{scheme}://{LOGIN}{server.at}") as post:
            post.send("bea@example.com", "Hello", "A text.")
            ((_, secure, message),) = await server.letters(1)
        assert secure
        assert server.logins == [(USER, PASSWORD)]
        assert (message["From"], message["To"]) == ("Kasal <kasal@example.com>", "bea@example.com")


async def test_starttls_that_is_asked_for_is_never_left_out():
    async with serving() as server:
        async with posting(f"smtp+starttls://{LOGIN}{server.at}") as post:
            post.send("bea@example.com", "Hello", "A text.")
            await post.close(10)
        assert (server.taken, server.logins) == ([], [])


async def test_a_letter_is_sent_again_for_a_while_and_a_refused_one_is_not():
    async with serving() as server:
        async with posting(f"smtp://{server.at}") as post:
            server.answers = ["451 later", "421 busy"]
            post.send("bea@example.com", "First", "A text.")
            await server.letters(1)
            server.answers = ["554 no"]
            post.send("bea@example.com", "Second", "A text.")
            post.send("bea@example.com", "Third", "A text.")
            await server.letters(2)
        assert [message["Subject"] for _, _, message in server.taken] == ["First", "Third"]


async def test_names_that_people_chose_add_no_headers_and_no_addressees():
    async with serving() as server:
        async with posting(f"smtp://{server.at}") as post:
            post.send("bea@example.com", "Hi\r\nBcc: all@example.com\n\nBody", "One\r\n.\r\nTwo")
            post.send("a\r\nb@example.com", "Not an address", "")
            post.send("x@y.example", "s" * 5_000, "Ünï")
            letters = await server.letters(2)
        (first, _, message), (second, _, long) = letters
        assert (first, second) == (["bea@example.com"], ["x@y.example"])
        assert message["Bcc"] is None
        assert message["Subject"] == "Hi Bcc: all@example.com Body"
        assert "Two" in message.get_content()
        assert len(long["Subject"]) == 150
        assert long.get_content().strip() == "Ünï"


@pytest.mark.parametrize("url", ["localhost:25", "http://x", "smtp://", "smtp://x/path?y"])
def test_a_mail_server_that_is_none_is_refused_at_the_start(url):
    with pytest.raises(ValidationError):
        Settings(
            mongo_url="mongodb://x",
            redis_url="memory://",
            amqp_url="memory://",
            service_secret="x" * 16,
            secret_key="x" * 16,
            smtp_url=url,
        )
