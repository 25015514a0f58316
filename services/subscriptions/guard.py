"""Which addresses a webhook may be sent to: public ones only.

A subscriber chooses the URL, so its name may resolve to a machine that trusts this one. The
special blocks are those of the IANA special-purpose address registries (RFC 6890 and its
successors) and the metadata services of clouds. IPv6 forms that carry an IPv4 address are refused
whole: what lies behind the translator cannot be checked here.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address

_REFUSED: Final[tuple[tuple[str, str], ...]] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT relay"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::/96", "IPv4-compatible"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard"),
    ("2001::/32", "Teredo"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
"""The first block that holds an address names its kind."""

_BLOCKS: Final[tuple[tuple[IPv4Network | IPv6Network, str], ...]] = tuple(
    (ip_network(block), kind) for block, kind in _REFUSED
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_ISATAP: Final = 0x5EFE
_ISATAP_FLAG: Final = 0xFDFF
"""RFC 5214: an interface identifier [02]00:5efe:a.b.c.d carries an IPv4 address."""


class AddressRefusedError(ValueError):
    """A name leads to an address that no webhook may be sent to."""


def refused_kind(address: Address) -> str | None:
    """Return what makes an address unfit as a target, such as `loopback`; None if it is fit."""
    for block, kind in _BLOCKS:
        if address in block:
            return kind
    if isinstance(address, IPv4Address):
        return None
    if address.scope_id is not None:
        return "scoped"
    if address not in _GLOBAL_UNICAST:
        return "not global unicast"
    upper = (int(address) >> 32) & 0xFFFFFFFF
    if upper & 0xFFFF == _ISATAP and (upper >> 16) & _ISATAP_FLAG == 0:
        return "ISATAP"
    return None


def check_addresses(host: str, found: list[str], *, allow_loopback: bool) -> list[str]:
    """Return the addresses that a name was resolved to, if every one of them is fit.

    One unfit address refuses the name: which one is dialled must not be a matter of chance.

    Raises:
        AddressRefusedError: an address is unfit, or there is none.
    """
    if not found:
        message = f"{host} has no address"
        raise AddressRefusedError(message)
    for text in found:
        address = ip_address(text)
        kind = refused_kind(address)
        if kind is None or (kind == "loopback" and allow_loopback):
            continue
        message = f"{host} leads to {text}, which is refused: {kind}"
        raise AddressRefusedError(message)
    return found
