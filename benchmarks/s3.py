"""A bucket to measure with: OpenStack Swift with its S3 API, Stowage's settings for it, and boto3 by itself.

``python -m benchmarks.s3`` is boto3 by itself, in a process of its own: it reads a job as JSON, does it,
and prints what it measured.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.clients import ClientError
from benchmarks.processes import ServerProcess, StartError, free_port
from benchmarks.servers import PROJECT
from benchmarks.stream import blocks

ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
BUCKET = "benchmark"
SECONDS = 600


class Store:
    """The server, with one bucket."""

    name = "Swift"

    def __init__(self, root: Path) -> None:
        self.root = root
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.support.swift_server", str(root / "swift"), str(port)]
        env = {**os.environ, "PYTHONPATH": str(PROJECT), "HOME": str(root)}
        self.process = ServerProcess(command, port, root / "log", env)
        self.process.wait_until_listening()
        try:
            client_of(self.url).create_bucket(Bucket=BUCKET)
        except Exception as exc:
            raise StartError(f"no bucket: {exc}") from exc

    def settings(self, *, links: bool) -> Mapping[str, str]:
        """Environment of a Stowage that keeps its files here."""
        return {
            "STOWAGE_ALLOW_PRIVATE_ENDPOINTS": "true",
            "FILE_STORAGE_BACKEND": "s3",
            "FILE_STORAGE_S3_BUCKET": BUCKET,
            "FILE_STORAGE_S3_REGION": REGION,
            "FILE_STORAGE_S3_ENDPOINT_URL": self.url,
            "FILE_STORAGE_S3_ACCESS_KEY_ID": ACCESS_KEY,
            "FILE_STORAGE_S3_SECRET_ACCESS_KEY": SECRET_KEY,
            "FILE_STORAGE_S3_PRESIGNED_DOWNLOADS": "true" if links else "false",
        }

    def file(self, size: int) -> Path:
        """A file of this size on the local disk."""
        path = self.root / f"{size}.bin"
        if not path.exists():
            with path.open("wb") as file:
                for block in blocks(size):
                    file.write(block)
        return path

    def put(self, size: int) -> str:
        """An object of this size, and its key."""
        key = f"object-{size}"
        client_of(self.url).upload_file(str(self.file(size)), BUCKET, key)
        return key


@dataclass(frozen=True, kw_only=True)
class Job:
    """What boto3 does: so often, by so many threads, for so long at most."""

    do: str
    url: str
    source: str
    """A file to upload, or the key of an object."""
    clients: int = 1
    seconds: float = 0.0
    most: int = 1


def alone(job: Job) -> dict[str, float]:
    """Have boto3 do it in a process of its own: times per second, and its memory before and at its peak (MB)."""
    command = [sys.executable, "-m", "benchmarks.s3"]
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    sent = json.dumps(asdict(job))
    done = subprocess.run(
        command, input=sent, capture_output=True, text=True, timeout=SECONDS, env=env, cwd=PROJECT, check=False
    )
    if done.returncode:
        raise ClientError(done.stderr[-500:])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def client_of(url: str) -> Any:
    """A client as somebody makes it who reads the manual, but for checksums that Swift does not know."""
    import boto3.session  # noqa: PLC0415 (only these rows need it)
    from botocore.config import Config  # noqa: PLC0415

    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=64,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def main() -> None:
    job = Job(**json.load(sys.stdin))
    once = _work(job)
    once(0)  # connected, and everything imported
    before = _memory("VmRSS")
    numbers, lock = iter(range(1, job.most + 1)), threading.Lock()
    began = time.perf_counter()
    deadline = began + (job.seconds or SECONDS)

    def worker() -> int:
        done = 0
        while time.perf_counter() < deadline:
            with lock:
                number = next(numbers, 0)
            if not number:
                break
            once(number)
            done += 1
        return done

    with ThreadPoolExecutor(job.clients) as pool:
        done = sum(each.result() for each in [pool.submit(worker) for _ in range(job.clients)])
    seconds = time.perf_counter() - began
    print(json.dumps({"rate": done / seconds, "before MB": before, "peak MB": _memory("VmHWM")}))


def _work(job: Job) -> Callable[[int], object]:
    client = client_of(job.url)
    run = f"alone-{os.getpid()}"

    def upload(number: int) -> None:
        # The first one is not measured; a small one will do.
        with Path(job.source if number else os.devnull).open("rb") as file:
            client.upload_fileobj(file, BUCKET, f"{run}-{number}")

    def download(number: int) -> None:
        if not number:
            client.head_object(Bucket=BUCKET, Key=job.source)
            return
        with Path(os.devnull).open("wb") as sink:
            client.download_fileobj(BUCKET, job.source, sink)

    def presign(_number: int) -> None:
        asked = {
            "Bucket": BUCKET,
            "Key": job.source,
            "ResponseContentDisposition": 'attachment; filename="file.bin"',
            "ResponseContentType": "application/octet-stream",
        }
        client.generate_presigned_url("get_object", Params=asked, ExpiresIn=300)

    return {"upload": upload, "download": download, "presign": presign}[job.do]


def _memory(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


if __name__ == "__main__":
    main()
