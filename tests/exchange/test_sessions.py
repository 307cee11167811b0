"""Signing in: one-time codes, recovery codes, lock-out under pressure, passwords, idle and long sessions."""

import threading
from contextlib import suppress
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import text

from catalog.stores import accounts
from exchange import me
from exchange.credentials import first_password, hash_password, open_factor
from exchange.sessions import resume, sign_in
from schemas.errors import Denied, InputError, StateError
from tests.portal.conftest import PASSWORD, SECRET, add_person, code_at

NEW = "Harbour-2026x"


def enter(hub, login="wang", password=PASSWORD, code=None):
    """Signs in."""
    return sign_in(hub, login, password, code, channel="portal", address="10.0.0.1")


def refused(hub, **values):
    """Returns the code of a refused sign-in."""
    with pytest.raises(Denied) as denied:
        enter(hub, **values)
    return denied.value.code


def account(hub, login="wang"):
    """Finds an account."""
    with hub.transaction() as connection:
        return accounts.find_by_login(connection, login)


def test_administrators_enrol_codes_and_need_them(hub, clock):
    """Without codes the session is unfinished; with them the password alone is refused; a code is good once."""
    add_person(hub, "wang", "data_admin", totp_sealed=None)
    token, session = enter(hub)
    assert session.needs_code
    offer = me.offer_code(hub, session.actor)
    assert me.offer_code(hub, session.actor).secret == offer.secret and b"<svg" in offer.svg
    with pytest.raises(InputError) as wrong:
        me.enrol_code(hub, session.actor, "000000")
    assert wrong.value.code == "CODE_WRONG"
    recovery = me.enrol_code(hub, session.actor, pyotp.TOTP(offer.secret).at(clock.now())).codes
    assert len(set(recovery)) == 8 and not resume(hub, token).needs_code
    assert refused(hub) == "LOGIN"
    assert refused(hub, code=pyotp.TOTP(offer.secret).at(clock.now())) == "LOGIN"
    clock.forward(seconds=30)
    code = pyotp.TOTP(offer.secret).at(clock.now())
    assert not enter(hub, code=code)[1].needs_code
    assert refused(hub, code=code) == "LOGIN"
    assert enter(hub, code=recovery[0].upper())[1].actor.name == "wang"
    assert refused(hub, code=recovery[0]) == "LOGIN"
    assert me.show_me(hub, session.actor).recovery_left == 7


def test_new_codes_ask_for_the_password(hub, clock):
    """Who finds an open browser cannot move the codes to another telephone."""
    add_person(hub, "wang", "data_admin")
    token, session = enter(hub, code=code_at(clock.now()))
    other, _ = enter(hub, code=code_at(clock.now() + timedelta(seconds=30)))
    clock.forward(seconds=60)
    offer = me.offer_code(hub, session.actor)
    code = pyotp.TOTP(offer.secret).at(clock.now())
    with pytest.raises(InputError) as wrong:
        me.enrol_code(hub, session.actor, code, "not it")
    assert wrong.value.code == "PASSWORD_WRONG"
    assert open_factor(hub, account(hub)).secret == SECRET
    me.enrol_code(hub, session.actor, code, PASSWORD)
    assert open_factor(hub, account(hub)).secret == offer.secret
    assert resume(hub, other) is None and resume(hub, token) is not None


def test_a_new_password_ends_all_other_sessions(hub):
    """The session at hand stays; the old password is gone; the first-password mark too."""
    add_person(hub, "wang", "editor", must_change=True)
    other, _ = enter(hub)
    token, session = enter(hub)
    assert session.must_change
    me.change_password(hub, session.actor, PASSWORD, NEW)
    assert resume(hub, other) is None and not resume(hub, token).must_change
    assert refused(hub) == "LOGIN" and enter(hub, password=NEW)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("wrong", NEW, "PASSWORD_WRONG"),
        (PASSWORD, PASSWORD, "PASSWORD_SAME"),
        (PASSWORD, "short-1A", "PASSWORD_WEAK"),
        (PASSWORD, "onlylowercaseletters", "PASSWORD_WEAK"),
        (PASSWORD, "Wang-2026-wang", "PASSWORD_WEAK"),
    ],
)
def test_a_bad_new_password_is_refused(hub, old, new, code):
    """Wrong old password, the same again, too weak, with the login name in it."""
    add_person(hub, "wang", "editor")
    _, session = enter(hub)
    with pytest.raises(InputError) as wrong:
        me.change_password(hub, session.actor, old, new)
    assert wrong.value.code == code and enter(hub)


def test_guessing_the_old_password_locks_and_ends_the_session(hub):
    """A stolen session is no place to guess passwords."""
    add_person(hub, "wang", "editor")
    token, session = enter(hub)
    for _ in range(5):
        with pytest.raises(InputError):
            me.change_password(hub, session.actor, "guess", NEW)
    assert resume(hub, token) is None and refused(hub) == "LOCKED"


def test_many_tries_at_once_are_all_counted(hub):
    """Eight wrong passwords in parallel lock the account as five in a row do."""
    add_person(hub, "wang", "editor")
    together([lambda: refused(hub, password="wrong")] * 8)
    assert refused(hub) == "LOCKED"


def test_one_address_does_not_try_everybody(hub, clock):
    """Fifty wrong sign-ins from an address stop it for half an hour, whoever they were for; others sign in."""
    add_person(hub, "wang", "editor")
    for number in range(50):
        assert refused(hub, login=f"nobody{number}") == "LOGIN"
    assert refused(hub) == "LOCKED"
    assert sign_in(hub, "wang", PASSWORD, None, channel="portal", address="10.0.0.2")
    clock.forward(minutes=30)
    assert enter(hub)


def test_events_say_from_where(hub):
    """What a signed-in person does is recorded with the address and the session."""
    add_person(hub, "wang", "editor")
    _, session = enter(hub)
    me.show_me(hub, session.actor)
    with hub.engine.connect() as connection:
        query = "select client_ip, session_id from hub.audit_events where actor_id = 'wang' order by seq desc limit 1"
        found = connection.execute(text(query)).one()
    assert tuple(found) == ("10.0.0.1", session.actor.session)


def test_one_code_opens_one_session(hub, clock):
    """The same code typed four times at once is good once."""
    add_person(hub, "wang", "data_admin")
    code, opened = code_at(clock.now()), []

    def attempt():
        with suppress(Denied):
            opened.append(enter(hub, code=code))

    together([attempt] * 4)
    assert len(opened) == 1


def together(acts):
    """Does several things at the same time."""
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_sessions_end_when_idle_and_after_a_day(hub, clock):
    """Thirty idle minutes end a session; so do twelve hours of work."""
    add_person(hub, "wang", "editor")
    token, _ = enter(hub)
    for _ in range(24):
        clock.forward(minutes=29)
        assert resume(hub, token) is not None
    clock.forward(minutes=29)
    assert resume(hub, token) is None
    token, _ = enter(hub)
    clock.forward(minutes=30)
    assert resume(hub, token) is None


def test_what_is_typed_may_be_anything(hub):
    """Control characters and other scripts are wrong, not an error of the hub."""
    add_person(hub, "wang", "data_admin")
    for login, code in [("wang\x00", "1"), ("wang", "一二三四五六"), ("wang", "\x00"), ("", ""), ("王", None)]:
        assert refused(hub, login=login, code=code) in {"LOGIN", "LOCKED"}


def test_first_passwords_are_strong():
    """Each is different and passes the hub's own rule."""
    made = {first_password() for _ in range(50)}
    assert len(made) == 50
    for password in list(made)[:2]:
        assert hash_password(password)


def test_an_account_of_single_sign_on_has_no_password_to_change(hub):
    """It says where to go instead."""
    add_person(hub, "wang", "editor")
    _, session = enter(hub)
    with hub.transaction() as connection:
        accounts.change(connection, account(hub).id, password_hash=None)
    with pytest.raises(StateError) as wrong:
        me.change_password(hub, session.actor, "", NEW)
    assert wrong.value.code == "NO_PASSWORD"
    assert refused(hub) == "LOGIN" and refused(hub, password="") == "LOGIN"
