"""Stage, wait without holding a worker, train.

The tasks run where datagravity can reach its daemon's socket. 75 is the one exit code that means "not yet".
"""

from __future__ import annotations

import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import DAG

JOB = "airflow-{{ dag.dag_id }}-{{ ds }}"

with DAG("train", start_date=datetime.datetime(2026, 12, 1), schedule="@daily", catchup=False):
    stage = BashOperator(
        task_id="stage",
        bash_command=f"datagravity stage c4 --to aws --job '{JOB}' --need-by +6h",
    )
    ready = BashSensor(
        task_id="ready",
        bash_command=f"datagravity ready --job '{JOB}'",
        retry_exit_code=75,
        mode="reschedule",
        poke_interval=60,
        timeout=12 * 60 * 60,
    )
    train = BashOperator(
        task_id="train",
        bash_command=f"datagravity exec --job '{JOB}' --timeout 10m -- python /srv/train/train.py",
    )
    stage >> ready >> train
