"""Which network addresses a setting may make Stowage connect to.

Link-local, cloud metadata, multicast, unspecified and reserved addresses are
always refused, also where IPv6 wraps an IPv4 address; loopback and private ones
unless the operator has allowed them at the start.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # credentials of Amazon's containers
        "fd20:ce::254",  # Google over IPv6
        "fd00:c1::a9fe:a9fe",  # Oracle over IPv6
        "fd00:42::42",  # Scaleway over IPv6
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's platform
    )
)
_METADATA_NETWORK = IPv6Network("fd00:ec2::/32")  # Amazon over IPv6, the credentials of its pods too
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598: carriers' and clusters' own
_UNIQUE_LOCAL = IPv6Network("fc00::/7")
_NAT64 = IPv6Network("64:ff9b::/96")
_OWN_NAT64 = IPv6Network("64:ff9b:1::/48")
"""RFC 8215: a network's own translator, which may put the IPv4 address where it likes."""
_COMPATIBLE = IPv6Network("::/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Python's own list grew over its versions: what is missing in some is named here.
_SPECIAL = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
_PRIVATE_USE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def refusal(address: str | Address, *, allow_private: bool) -> str | None:
    """Why this address may not be connected to: ``"never"`` or ``"private"``; None where it may.

    Raises:
        ValueError: that is no IP address.
    """
    found = ip_address(address.partition("%")[0]) if isinstance(address, str) else address
    kinds = {_kind(each) for each in (found, *_wrapped(found))}
    if "never" in kinds:
        return "never"
    return "private" if "private" in kinds and not allow_private else None


def _kind(address: Address) -> str | None:
    if address in _METADATA or address in _METADATA_NETWORK:
        return "never"
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "never"
    if address.is_loopback or _is_private(address):
        return "private"
    # What is left of the registries of special addresses: documentation, benchmarking, broadcast, future use.
    if isinstance(address, IPv6Address):
        if _wrapped(address):
            return None  # the address within counts
        if address not in _GLOBAL_UNICAST:
            return "never"
    is_special = any(address in network for network in _SPECIAL)
    return None if address.is_global and not is_special else "never"


def _is_private(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        return address in _UNIQUE_LOCAL or address in _OWN_NAT64 or address.is_site_local
    return address in _SHARED or any(address in network for network in _PRIVATE_USE)


def _wrapped(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return ()
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if any(address in network for network in (_NAT64, _OWN_NAT64, _TRANSLATED)) or (
        address in _COMPATIBLE and int(address) > 1
    ):
        found.append(last)
    return tuple(each for each in found if each is not None)
