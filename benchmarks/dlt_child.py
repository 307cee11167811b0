"""dlt copying the department's table, unvalidated: to Parquet files, or replacing a PostgreSQL table."""

import json
import os
import sys
import tempfile
import time


def main(source: str, target: str) -> None:
    """Copies `person` and prints the seconds. `target` is `parquet` or a PostgreSQL URL."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # noqa: TID251 - dlt's own switch
    import dlt  # noqa: PLC0415 - after its switch
    from dlt.sources.sql_database import sql_table  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        if target == "parquet":
            destination = dlt.destinations.filesystem(bucket_url=f"file://{folder}/out")
        else:
            destination = dlt.destinations.postgres(target)
        begun = time.perf_counter()
        pipeline = dlt.pipeline(
            "bench", destination=destination, dataset_name="copied", pipelines_dir=f"{folder}/state"
        )
        table = sql_table(credentials=source, table="person", schema="public", backend="pyarrow", chunk_size=50_000)
        pipeline.run(table, write_disposition="replace", loader_file_format="parquet" if target == "parquet" else None)
        print(json.dumps({"seconds": round(time.perf_counter() - begun, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
