"""OpenStack Swift with its S3 API in one process: ``python -m tests.support.swift_server FOLDER PORT``.

Account, container and object servers and the proxy in front of them run as green threads, so killing this one process
is a power cut for all of them, and starting it again on the same folder finds what was stored. It prints
``ready`` once it listens.

It runs in a process of its own because eventlet replaces sockets and threads, and because its warnings are
not ours.
"""

import json
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ACCESS_KEY = "test:tester"
SECRET_KEY = "testing"
USERS = {ACCESS_KEY: SECRET_KEY}
"""Who may do everything in an account of this name, unless ``users.json`` in the folder says otherwise."""
CORS = "cors"
"""With a file of this name in the folder, pages of anybody may speak to it. S3's own way to say that, a rule of a
bucket, is unknown to Swift."""
STORES = ("account", "container", "object")

_COMMON = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {etc}
devices = {folder}/devices
recon_cache_path = {folder}/cache
mount_check = false
disable_fallocate = true
log_level = ERROR
log_address = {folder}/no-syslog
"""

_STORE = "[pipeline:main]\npipeline = {name}-server\n[app:{name}-server]\nuse = egg:swift#{name}\n"

_PROXY = """\
[pipeline:main]
pipeline = catch_errors listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
strict_cors_mode = {strict}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
max_upload_part_num = 10000
cors_preflight_allow_origin = {origins}
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
allow_async_delete = false
[filter:dlo]
use = egg:swift#dlo
"""

_HASHES = """\
[swift-hash]
swift_hash_path_prefix = before
swift_hash_path_suffix = after
[storage-policy:0]
name = only
default = yes
"""


def main(folder: Path, port: int) -> None:
    for name in ("etc", "devices/disk", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    etc = folder / "etc"
    ports = _ports(etc / "ports.json")
    _configure(folder, etc, ports, port)
    _become_swift(etc)
    _build_rings(etc, ports)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threads = [_serve(etc, name, number) for name, number in {**ports, "proxy": port}.items()]
    print("ready", flush=True)
    for thread in threads:
        thread.wait()


def _ports(file: Path) -> dict[str, int]:
    """The ports of the servers behind, the same at each start: the rings name them."""
    if not file.exists():
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in STORES]
        file.write_text(json.dumps({name: probe.getsockname()[1] for name, probe in zip(STORES, probes, strict=True)}))
        for probe in probes:
            probe.close()
    ports: dict[str, int] = json.loads(file.read_text())
    return ports


def _configure(folder: Path, etc: Path, ports: dict[str, int], port: int) -> None:
    (etc / "swift.conf").write_text(_HASHES)
    for name, number in ports.items():
        text = _COMMON.format(folder=folder, etc=etc, port=number) + _STORE.format(name=name)
        (etc / f"{name}.conf").write_text(text)
    pages = (folder / CORS).exists()
    proxy = _PROXY.format(users="\n".join(_users(folder)), strict=not pages, origins="*" if pages else "")
    (etc / "proxy.conf").write_text(_COMMON.format(folder=folder, etc=etc, port=port) + proxy)


def _users(folder: Path) -> Iterator[str]:
    file = folder / "users.json"
    users: dict[str, str] = json.loads(file.read_text()) if file.exists() else USERS
    for name, secret in users.items():
        yield f"user_{name.replace(':', '_')} = {secret} .admin"


def _become_swift(etc: Path) -> None:
    """Before anything else of Swift is imported: it reads its configuration from fixed places."""
    os.environ["SWIFT_DIR"] = str(etc)
    from swift.common import utils

    utils.monkey_patch()
    utils.SWIFT_CONF_FILE = str(etc / "swift.conf")
    utils.validate_configuration()
    from swift.common import storage_policy

    storage_policy.SWIFT_CONF_FILE = str(etc / "swift.conf")
    storage_policy.reload_storage_policies()


def _build_rings(etc: Path, ports: dict[str, int]) -> None:
    from swift.common.ring import RingBuilder

    for name, number in ports.items():
        ring = etc / f"{name}.ring.gz"
        if not ring.exists():
            builder = RingBuilder(4, 1, 0)
            device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": number, "device": "disk", "weight": 1.0}
            builder.add_dev({**device, "meta": ""})
            builder.rebalance()
            builder.get_ring().save(str(ring))


def _serve(etc: Path, name: str, port: int) -> Any:
    import eventlet
    from eventlet import wsgi
    from swift.common.wsgi import SwiftHttpProtocol, loadapp

    application = loadapp(
        str(etc / f"{name}.conf"), global_conf={"log_name": "swift", "swift_dir": str(etc)}, allow_modify_pipeline=True
    )
    listening = eventlet.listen(("127.0.0.1", port), backlog=256, reuse_port=False)
    silent = logging.getLogger("swift-requests")
    silent.addHandler(logging.NullHandler())
    silent.propagate = False
    return eventlet.spawn(
        wsgi.server,
        listening,
        application,
        log=silent,
        log_output=False,
        debug=False,
        protocol=SwiftHttpProtocol,
        # Swift writes ETag as Etag otherwise, and its own servers then miss it.
        capitalize_response_headers=False,
        socket_timeout=60,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
