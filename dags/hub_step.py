"""A task that asks the hub to do something: how what goes wrong there reaches Airflow. Builds no DAG.

Imported by the DAG files, whose folder Airflow puts on the path; it must be as cheap to parse as they are.
"""

import traceback
from abc import abstractmethod
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException


class HubStep(BaseOperator):
    """Does one step in the hub; a transient failure is tried again, any other fails the task at once."""

    def execute(self, context: Any) -> Any:
        """Does the step and hands its result over."""
        from schemas.errors import HubError  # noqa: PLC0415 - parsing must stay cheap

        try:
            return self._step(context)
        except HubError as error:
            kind = AirflowException if error.transient else AirflowFailException
            raise kind(self._words(error)) from None
        except Exception as error:  # noqa: BLE001 - the task edge; an unforeseen message may hold a personal value
            frame = traceback.extract_tb(error.__traceback__)[-1]
            says = f"程序错误 {type(error).__name__}（{Path(frame.filename).name} 第 {frame.lineno} 行）"
        raise AirflowFailException(says)

    @abstractmethod
    def _step(self, context: Any) -> Any:
        """Calls exchange."""

    def _words(self, error: Exception) -> str:
        return str(error)
