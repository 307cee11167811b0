"""`shuqiao doctor`: what is configured, running and reachable, and what to do where it isn't."""

import sys

from cli.options import AsJson
from cli.output import print_json, print_table, shallow
from cli.session import errors_as_sentences
from exchange.doctor import examine

COLUMNS = (("name", "项目"), ("result", "结果"), ("says", "说明"), ("next_step", "下一步"))


def doctor(as_json: AsJson = False) -> None:
    """检查配置、服务和连通情况，并说明怎么处理；不启动任何服务。

    示例：shuqiao doctor
    """
    with errors_as_sentences():
        steps = examine()
    if as_json:
        print_json(steps)
    else:
        rows = [shallow(step) | {"result": "正常" if step.passed else "异常"} for step in steps]
        print_table("数桥", COLUMNS, rows, empty="没有检查项。")
    if not all(step.passed for step in steps):
        sys.exit(1)
