"""The command `shuqiao`: gathers the nouns. Each noun has its own module."""

import typer

from cli import audit, connection, dataset, delivery, doctor, entry, interface, keys, quarantine, query, sync
from cli.usage import Commands

app = typer.Typer(
    name="shuqiao",
    cls=Commands,
    help="数桥：政务数据共享交换平台的命令行。各命令加 --help 看说明和示例。",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(entry.app, name="entry", help="目录条目：检查、登记、发布、查看。")
app.add_typer(connection.app, name="connection", help="连接：部门系统的地址和账号。")
app.add_typer(sync.app, name="sync", help="同步：运行、查看、放行、作废、重新校验。")
app.add_typer(quarantine.app, name="quarantine", help="问题数据：每一行及其原因。")
app.add_typer(dataset.app, name="dataset", help="共享数据集：查看、按授权用号码查、版本、回退。")
app.add_typer(audit.app, name="audit", help="操作日志：封存、锚点、核验、导出、归档。")
app.add_typer(delivery.app, name="delivery", help="订阅推送：登记、查看、送达、全量重送、签名公钥。")
app.add_typer(keys.app, name="keys", help="密钥：查看、更换、重新加密、退役。")
app.add_typer(interface.app, name="interface", help="接口：查看、许可、测试。")
app.add_typer(query.app, name="query", help="在线查询：授权的数据集、查询、导出、记录、取消。")
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Runs the command line."""
    app()


if __name__ == "__main__":
    main()
