"""A Ray driver whose tasks read what a job has.

Submitted so that the driver does not start before the data is there:

    datagravity stage c4 --to aws --job ray-7
    ray job submit -- datagravity exec --job ray-7 --from aws --timeout 12h -- python train.py
"""

import json
import os
import subprocess

import ray


def handout(job: str, destination: str) -> dict:
    """What the job reads: url, path, snapshot and shards. Raises where it is not ready."""
    command = ["datagravity", "resolve", "--job", job, "--from", destination, "--format", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@ray.remote
def train(urls: list) -> int:
    return len(urls)


def main() -> None:
    job = handout(os.environ["DATAGRAVITY_JOB"], os.environ["DATAGRAVITY_DESTINATION"])
    urls = [job["url"] + shard["path"] for shard in job["shards"] if not shard.get("index")]
    # Workers on other nodes do not inherit the driver's environment.
    names = [name for name in os.environ if name.startswith("DATAGRAVITY_") and name != "DATAGRAVITY_SHARDS_FILE"]
    ray.init(runtime_env={"env_vars": {name: os.environ[name] for name in names}})
    workers = 8
    print(sum(ray.get([train.remote(urls[i::workers]) for i in range(workers)])))


if __name__ == "__main__":
    main()
