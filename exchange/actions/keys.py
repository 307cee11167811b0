"""Actions of keys: the security administrator's, and the local administrator's on the machine itself."""

from exchange.actions.roles import ADMINISTRATOR, Action, Role

_SECURITY: frozenset[Role] = ADMINISTRATOR | {"security_admin"}

ACTIONS: dict[str, Action] = {
    "keys.status": Action(_SECURITY, "KEY_USE", "查看密钥"),
    "keys.rotate": Action(_SECURITY, "KEY_USE", "更换密钥"),
    "keys.reencrypt": Action(_SECURITY, "KEY_USE", "以新密钥重新加密"),
    "keys.retire": Action(_SECURITY, "KEY_USE", "退役密钥"),
}
