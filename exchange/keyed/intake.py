"""Use-cases of intake numbers (预受理号): list them, bind one to its case (办件编号)."""

from dataclasses import asdict, dataclass
from datetime import datetime

from catalog.stores import intake_numbers as store
from catalog.stores.intake_numbers import Intake
from exchange.access import Actor
from exchange.audit import record, use_case
from exchange.hub import Hub
from exchange.keyed.why import number_of
from exchange.scope import reach_of
from schemas.errors import NotFound, StateError

STATE_NAMES = {"open": "待绑定", "bound": "已绑定", "expired": "过期未绑定"}
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class IntakeView:
    """An intake number as its department and the authority see it."""

    department_code: str
    number: str
    service_item: str | None
    handler: str
    first_at: datetime
    expires_at: datetime
    uses: int
    case_no: str | None
    bound_at: datetime | None
    bound_by: str | None
    state: str
    state_name: str


@use_case("intake.list")
def list_intakes(hub: Hub, actor: Actor) -> list[IntakeView]:
    """Lists the intake numbers of one's department, or of those within reach; unbound ones first."""
    with hub.transaction() as connection:
        codes = reach_of(connection, actor).codes
        own = {actor.department} if actor.department else set()
        found = store.list_of(connection, None if codes is None else {*codes, *own}, _SHOWN)
        record(connection, hub, actor, "intake.list", None, row_count=len(found))
    return [_view(each, hub.clock.now()) for each in found]


def _view(intake: Intake, now: datetime) -> IntakeView:
    state = "bound" if intake.case_no else "expired" if intake.expires_at <= now else "open"
    return IntakeView(**asdict(intake), state=state, state_name=STATE_NAMES[state])


@use_case("intake.bind")
def bind(hub: Hub, actor: Actor, number: str, case_no: str) -> IntakeView:
    """Binds an intake number of one's department to its case, once; raises NotFound, StateError, InputError."""
    case = number_of(case_no, "办件编号")
    with hub.transaction() as connection:
        held = store.find(connection, actor.department or "", number.strip(), locked=True)
        if held is None:
            raise NotFound("没有这个预受理号", "本部门调用时写过的预受理号", "请核对后重试", code="INTAKE_UNKNOWN")
        if held.case_no is not None and held.case_no != case:
            raise StateError(
                "该预受理号已绑定另一办件", "一个预受理号绑定一个办件", "请核对办件编号", code="INTAKE_BOUND"
            )
        if held.case_no is None:
            store.bind(connection, held.department_code, held.number, case, actor.name, hub.clock.now())
            detail = {"intake_no": held.number}
            record(connection, hub, actor, "intake.bind", held.number, case_no=case, detail=detail)
        bound = store.find(connection, held.department_code, held.number)
        assert bound is not None  # noqa: S101 - locked above
    return _view(bound, hub.clock.now())
