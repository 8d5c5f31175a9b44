"""The settings of the S3 backend: what they are, whether they can work together, and what follows from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from webapp.contracts.errors import ConfigurationError
from webapp.contracts.settings import SettingField

MIB = 1024 * 1024
WEEK = 7 * 24 * 3600

# docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

# docs.aws.amazon.com/general/latest/gr/s3.html, and the endpoints of private networks
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}"
_AMAZON = re.compile(
    rf"(?:s3(?:-fips|-accelerate)?(?:\.dualstack)?(?:\.{_REGION})?|s3-(?:{_REGION}|external-1)"
    rf"|bucket\.vpce-[a-z0-9-]+\.s3\.{_REGION}\.vpce)\.amazonaws\.com(?:\.cn)?"
)

FIELDS = (
    SettingField(
        name="s3_bucket",
        label="Bucket",
        help="The bucket the files are kept in. It has to exist, and should hold nothing else.",
        required=True,
        location=True,
        pattern=_BUCKET,
        pattern_help=(
            "A bucket has 3 to 63 lower-case letters, digits, dots and hyphens, begins and ends with a letter or"
            " digit, and looks like no IP address."
        ),
    ),
    SettingField(
        name="s3_region",
        label="Region",
        help="The region of the bucket, such as eu-central-1. Stores that have none accept us-east-1 or auto.",
        required=True,
        location=True,
        pattern=r"[A-Za-z0-9_-]{1,64}",
        pattern_help="A region is made of letters, digits, hyphens and underscores.",
    ),
    SettingField(
        name="s3_endpoint_url",
        label="Endpoint",
        help="Where the store answers, such as https://minio.example.org:9000. Empty: Amazon.",
        format="url",
        location=True,
    ),
    SettingField(
        name="s3_addressing_style",
        label="Addressing",
        help=(
            "Whether the bucket is part of the path or of the host name."
            " auto: of the path where there is an endpoint, else of the host name."
        ),
        default="auto",
        required=True,
        location=True,
        choices=("auto", "path", "virtual"),
    ),
    SettingField(
        name="s3_access_key_id",
        label="Access key ID",
        help=(
            "Empty, together with the secret: the credentials of the environment or of the machine's role."
            " Only Amazon gets those."
        ),
        masked=True,
    ),
    SettingField(
        name="s3_secret_access_key", label="Secret access key", help="The secret that belongs to the ID.", secret=True
    ),
    SettingField(
        name="s3_presigned_downloads",
        label="Downloads straight from the store",
        help="Downloads are links to the store. Switch it off where browsers cannot reach the store.",
        type="boolean",
        default=True,
        required=True,
    ),
    SettingField(
        name="s3_presign_ttl_seconds",
        label="Links work for",
        help="Seconds a link to the store works. A download that has begun goes on.",
        type="integer",
        format="seconds",
        default=300,
        required=True,
        minimum=1,
        maximum=WEEK,
    ),
    SettingField(
        name="s3_public_endpoint_url",
        label="Endpoint for browsers",
        help="Where browsers reach the store, if not at the endpoint above.",
        format="public_url",
        location=True,
    ),
)


PASSING = ("refused", "unreachable", "overloaded", None)
"""Causes that may be gone in a moment. None: the store had an error of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long to wait and how much to hold. Not settings: tests and the connection test ask for less."""

    connect_seconds: float = 5
    read_seconds: float = 60
    """Of silence, in either direction."""
    brief_seconds: float = 10
    """The same, for looking and clearing up after something has failed."""
    answer_seconds: float = 900
    """For a whole answer that comes by drops. A store may say no more than "wait" for minutes while it
    puts parts together. While clearing up, it is three times the silence."""
    attempts: int = 3
    pauses: tuple[float, ...] = (0.5, 1.5, 4)
    """Before a part is sent again that could not be sent for a passing reason: what many minutes have
    been spent on does not end because the store is started again. botocore's own pauses are far shorter."""
    resumptions: int = 5
    """How often in a row a download may break without another byte."""
    single: int = 8 * MIB
    """Up to this size an object is put in one request."""
    parts: tuple[tuple[int, int, int], ...] = ((1_000, 8 * MIB, 3), (3_000, 16 * MIB, 2), (10_000, 48 * MIB, 0))
    """Up to which number a part has which size, and how many of them are on their way while the next is
    filled: never more than 48 MiB in all. 367 GiB fit."""
    most_parts: int = 10_000
    stale_seconds: float = 24 * 3600
    sweep_seconds: float = 3600
    """From one sweep to the next."""
    list_seconds: float = 60
    """For listing the uploads in parts of a key."""
    search_seconds: float = 300
    """For a sweep, or as much of it as can be done."""
    most_pages: int = 1_000
    """Of a list of uploads or parts: a million."""
    most_barren_pages: int = 10_000
    """Of a list of keys, without a single key of ours: ten million objects that have no business there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The values, checked, with what follows from them."""

    bucket: str
    region: str
    endpoint: str | None
    public_endpoint: str | None
    style: str
    """``"path"`` or ``"virtual"``."""
    access_key: str | None
    secret_key: str | None = field(repr=False)
    """Both None: the environment's."""
    link_seconds: int
    links: bool
    allow_private: bool
    state_dir: str | None
    trial_seconds: float | None
    """How long an instance is of use that is only tried."""

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Options":
        """Read the values of the settings.

        Raises:
            ConfigurationError: one is missing, or they cannot work together.
        """
        bucket, endpoint = _text(values, "s3_bucket"), _text(values, "s3_endpoint_url")
        if not re.fullmatch(_BUCKET, bucket):
            raise ConfigurationError("s3_bucket is missing or malformed", cause="settings")
        for name, sentence in check(values).items():
            cause = "credentials" if "key" in name else "settings"
            raise ConfigurationError(f"{name}: {sentence}", cause=cause)
        access_key, secret_key = _text(values, "s3_access_key_id"), _text(values, "s3_secret_access_key")
        seconds, trial = values.get("s3_presign_ttl_seconds"), values.get("trial_seconds")
        return cls(
            bucket=bucket,
            region=_text(values, "s3_region") or "us-east-1",
            endpoint=endpoint or None,
            public_endpoint=_text(values, "s3_public_endpoint_url") or endpoint or None,
            style=_style(values),
            access_key=access_key or None,
            secret_key=secret_key or None,
            link_seconds=seconds if isinstance(seconds, int) else 300,
            links=values.get("s3_presigned_downloads") is not False,
            allow_private=values.get("allow_private_addresses") is True,
            state_dir=_text(values, "state_dir") or None,
            trial_seconds=trial if isinstance(trial, (int, float)) else None,
        )


def check(values: Mapping[str, object]) -> dict[str, str]:
    """What is wrong with the values together, by name of the field."""
    return {
        **_check_bucket(_text(values, "s3_bucket")),
        **_check_style(values),
        **_check_credentials(values),
    }


def _check_bucket(bucket: str) -> dict[str, str]:
    if bucket.startswith(_RESERVED_STARTS) or bucket.endswith(_RESERVED_ENDS):
        return {"s3_bucket": "This beginning or ending is reserved: it is no name of a bucket of yours."}
    return {}


def _check_style(values: Mapping[str, object]) -> dict[str, str]:
    if values.get("s3_addressing_style") != "virtual":
        return {}
    endpoint = _text(values, "s3_endpoint_url")
    if "." in _text(values, "s3_bucket") and not endpoint.startswith("http://"):
        return {"s3_addressing_style": "A bucket with dots in its name has no certificate as a host name: choose path."}
    if _is_ip_address(_host(endpoint)):
        return {"s3_addressing_style": "A bucket cannot be part of an IP address: choose path."}
    return {}


def _check_credentials(values: Mapping[str, object]) -> dict[str, str]:
    key, secret = _text(values, "s3_access_key_id"), _text(values, "s3_secret_access_key")
    if key and not secret:
        return {"s3_secret_access_key": "The secret that belongs to the access key ID is missing."}
    if secret and not key:
        return {"s3_access_key_id": "The access key ID that belongs to the secret is missing."}
    # What the environment holds is for Amazon: no other host is ever shown a signature made with it.
    if not key and not _is_amazon(_text(values, "s3_endpoint_url")):
        return {
            "s3_access_key_id": "Only at Amazon the credentials of the environment are used: this store needs its own."
        }
    if not key and not _is_amazon(_text(values, "s3_public_endpoint_url")):
        return {"s3_access_key_id": "Links to another host than Amazon's need credentials of their own."}
    return {}


def _style(values: Mapping[str, object]) -> str:
    style = _text(values, "s3_addressing_style")
    if style in ("path", "virtual"):
        return style
    return "path" if _text(values, "s3_endpoint_url") or "." in _text(values, "s3_bucket") else "virtual"


def _is_amazon(endpoint: str) -> bool:
    """Whether it is S3 itself: names below amazonaws.com that are not S3's belong to anybody."""
    return not endpoint or (endpoint.lower().startswith("https://") and bool(_AMAZON.fullmatch(_host(endpoint))))


def _host(endpoint: str) -> str:
    try:
        return (urlsplit(endpoint).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _text(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""
