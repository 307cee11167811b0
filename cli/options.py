"""The options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="以JSON输出。")]
Reason = Annotated[str, typer.Option("--reason", help="理由，写入审计日志。")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="按版本号（如 3）或时间（如 2026-11-22T08:00）读历史版本。")]
Login = Annotated[str, typer.Option("--login", help="登录名；口令在终端输入，或从标准输入的第一行读。")]
Purpose = Annotated[str, typer.Option(help="使用用途：basis、reference、checking、collaboration。")]
Run = Annotated[str, typer.Argument(help="批次编号（sync list 可查）。")]
Dataset = Annotated[str, typer.Argument(help="数据集名称，如 population。")]
Files = Annotated[list[Path], typer.Argument(help="目录条目文件（ODCS 3.1，YAML），可给多个。")]
