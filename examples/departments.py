"""The departments of the fictional city as the generator needs them; departments.yaml is what the hub registers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Department:
    """A department: its name and its unified social credit code (body `XX…`, fictional)."""

    name: str
    code: str


POLICE = Department("银桥市公安局", "11620400XX00C0014G")
MARKET = Department("银桥市市场监督管理局", "11620400XX00C0022B")
APPROVAL = Department("银桥市行政审批服务局", "11620400XX00C00306")
CIVIL = Department("银桥市民政局", "11620400XX00C00493")
HEALTH = Department("银桥市卫生健康委员会", "11620400XX00C0057X")
DATA_BUREAU = Department("银桥市数据局", "11620400XX00C0065Q")

#: The body that defines licence types (fictional).
STATE_AUTHORITY = "11100000XX00B0019R"
