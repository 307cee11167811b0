"""Actions of quality, search, lineage."""

from exchange.actions.roles import ANYONE, BUSINESS, OFFICE, Action

ACTIONS: dict[str, Action] = {
    # Search and survey (exchange/search.py, exchange/survey.py)
    "search.find": Action(ANYONE, "QUERY", "搜索目录"),
    "search.suggest": Action(ANYONE, "QUERY", "搜索提示"),
    "system.list": Action(OFFICE | {"inspector"}, "QUERY", "查看信息系统"),
    "system.template": Action(OFFICE, "EXPORT", "下载信息系统普查模板"),
    "system.import": Action(OFFICE, "CONFIG", "导入信息系统普查表"),
    "system.report": Action(OFFICE | {"inspector"}, "EXPORT", "导出未编目信息系统"),
    # Quality (exchange/quality_scores.py, exchange/conformance.py)
    "quality.show": Action(BUSINESS, "QUERY", "查看质量"),
    "quality.entry": Action(BUSINESS, "QUERY", "查看目录条目的质量"),
    "quality.report": Action(OFFICE | {"inspector"}, "EXPORT", "导出合规报告"),
    "sync.result": Action(OFFICE | {"inspector"}, "QUERY", "查看校验结果"),
}
