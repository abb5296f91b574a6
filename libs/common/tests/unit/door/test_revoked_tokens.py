"""The doors' copy of the revocations: whom it covers, and what it forgets."""

from datetime import UTC, datetime, timedelta

from common.contracts.messages import SessionRevoked
from common.door.revocations import RevokedTokens
from common.identity import Identity, Role

NOW = datetime.now(UTC)
SECOND = int(NOW.timestamp())


def identity(session_id="ses_1", user_id="usr_1", workspace_id="ws_1", issued_at=0) -> Identity:
    return Identity(user_id, workspace_id, Role.VIEWER, session_id, issued_at, 2**40)


def revoked(at=NOW, until=timedelta(hours=1), **who) -> SessionRevoked:
    return SessionRevoked(revoked_at=at, expires_at=NOW + until, **who)


def test_a_session_is_covered_whenever_its_token_was_issued():
    tokens = RevokedTokens()
    tokens.add([revoked(session_id="ses_1")])
    assert tokens.covers(identity(issued_at=SECOND + 60))
    assert not tokens.covers(identity("ses_2"))


def test_a_user_is_covered_in_one_workspace_up_to_the_latest_revocation():
    tokens = RevokedTokens()
    who = {"user_id": "usr_1", "workspace_id": "ws_1"}
    tokens.add([revoked(**who), revoked(NOW - timedelta(minutes=5), **who)])
    assert tokens.covers(identity(issued_at=SECOND))
    assert not tokens.covers(identity(issued_at=SECOND + 1))
    assert not tokens.covers(identity(workspace_id="ws_2", issued_at=SECOND))
    assert not tokens.covers(identity(user_id="usr_2", issued_at=SECOND))


def test_what_concerns_expired_tokens_only_is_forgotten():
    tokens = RevokedTokens()
    over = timedelta(seconds=-1)
    tokens.add([revoked(until=over, session_id="ses_1"), revoked(session_id="ses_2")])
    tokens.add([revoked(until=over, user_id="usr_1", workspace_id="ws_1")])
    tokens.prune()
    assert not tokens.covers(identity())
    assert tokens.covers(identity("ses_2"))
