"""/auth/password: changing it, and setting a new one."""

from fastapi import APIRouter

from auth.routes.bodies import Forgotten, Noted, PasswordChange, PasswordReset
from auth.routes.use_cases import ClientAddress, Use
from common.web.access import Viewer
from common.web.models import failures

router = APIRouter(tags=["auth"])


@router.post(
    "/auth/password", status_code=204, responses=failures(409), summary="Change my password"
)
async def change_password(
    body: PasswordChange, caller: Viewer, use: Use, address: ClientAddress
) -> None:
    """All other logins of the account end."""
    await use.passwords.change(caller, body.current_password, body.new_password, address)


@router.post("/auth/password/forgot", status_code=202, summary="Ask for a new password")
async def forgot_password(body: Forgotten, use: Use) -> Noted:
    """The answer and its time are the same for every address."""
    use.errands.add(lambda: use.passwords.forgot(body.email))
    return Noted()


@router.post("/auth/password/reset", status_code=204, summary="Set a new password by a token")
async def reset_password(body: PasswordReset, use: Use) -> None:
    """The token is used up, and all logins and API keys of the account end."""
    await use.passwords.reset(body.token, body.password)
