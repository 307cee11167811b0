"""A person's own account: what it is, its password, its one-time codes."""

from typing import Annotated, Any

from fastapi import Form

from exchange import me
from portal.desk import Desk
from portal.routes import Download, Go, Pages
from schemas.errors import InputError

pages = Pages()
router = pages.router


@pages.get("/me", action="me.show", title="我的账号", template="me_show.html")
def shown(desk: Desk) -> dict[str, Any]:
    """Shows the own account."""
    return {"me": me.show_me(desk.hub, desk.actor)}


@pages.get("/me/password", action="me.password", title="修改口令", template="me_password.html")
def ask_password(desk: Desk) -> dict[str, Any]:
    """Shows the form for a new password."""
    return {"forced": desk.session.must_change, "fault": None}


@pages.post("/me/password", action="me.password")
def take_password(
    desk: Desk,
    old: Annotated[str, Form(max_length=200)],
    new: Annotated[str, Form(max_length=200)],
    again: Annotated[str, Form(max_length=200)],
) -> Go | dict[str, Any]:
    """Changes the own password."""
    try:
        if new != again:
            raise InputError("两次输入的新口令不一致", "", "请重新输入", code="PASSWORD_AGAIN")
        me.change_password(desk.hub, desk.actor, old, new)
    except InputError as fault:
        facts = {"forced": desk.session.must_change, "fault": fault}
        return {"template": "me_password.html", "title": "修改口令", **facts}
    return Go("/me/code" if desk.session.needs_code else "/me", "口令已修改，其他登录已退出")


@pages.get("/me/code/qr", action="me.offer", title="动态码二维码", template="me_code.html")
def drawn_code(desk: Desk) -> Download:
    """Draws the QR code for an authenticator."""
    return Download("qr.svg", me.offer_code(desk.hub, desk.actor).svg, "image/svg+xml")


@pages.get("/me/code", action="me.offer", title="启用动态码", template="me_code.html")
def ask_code(desk: Desk) -> dict[str, Any]:
    """Shows how an authenticator is set up."""
    return _code_form(desk, None)


@pages.post("/me/code", action="me.code")
def take_code(
    desk: Desk,
    code: Annotated[str, Form(max_length=10)],
    password: Annotated[str, Form(max_length=200)] = "",
) -> dict[str, Any]:
    """Puts one-time codes in force and shows the recovery codes, once."""
    try:
        found = me.enrol_code(desk.hub, desk.actor, code, password)
    except InputError as fault:
        return {"template": "me_code.html", "title": "启用动态码", **_code_form(desk, fault)}
    return {"template": "me_recovery.html", "title": "动态码已启用", "codes": found.codes}


def _code_form(desk: Desk, fault: InputError | None) -> dict[str, Any]:
    own = me.show_me(desk.hub, desk.actor)
    secret = me.offer_code(desk.hub, desk.actor).secret
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return {"forced": desk.session.needs_code, "me": own, "secret": grouped, "fault": fault}
