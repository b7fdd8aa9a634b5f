"""Hosts and domains: URLs as a browser understands them, registrable domains after the Public Suffix List, look-alikes.

The list is the one inside the `publicsuffixlist` package (MPL 2.0); nothing here touches the network.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from urllib.parse import unquote

from publicsuffixlist import PSLFILE

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,20}):", re.I)
_BLANKS = re.compile(r"[\t\r\n\x00-\x1f\u200b-\u200f\u2060\ufeff\u00ad]")
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?\Z")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?\Z")
_WEB = {"http", "https", "ftp"}
_MOST_LABELS = 10  # of a name count for its ending; the list's longest rule has fewer
_RESERVED = {"example", "test", "invalid", "localhost", "local", "internal"}  # RFC 2606, RFC 6762


@cache
def _rules() -> dict[str, bool]:
    """Rule → whether it is in the private section (platforms that rent out names)."""
    rules: dict[str, bool] = {}
    private = False
    for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines():
        if "===BEGIN PRIVATE" in line:
            private = True
        rule = line.split(" ")[0].strip()
        if rule and not rule.startswith("//"):
            rules[rule if rule.isascii() else ".".join(_ascii_label(label) for label in rule.split("."))] = private
    return rules


@lru_cache(maxsize=4096)
def _suffix_length(host: str, private: bool) -> int:
    """How many labels at the end are public."""
    labels = host.rsplit(".", _MOST_LABELS)[-_MOST_LABELS:]
    rules = _rules()
    for start in range(len(labels)):
        here, above = ".".join(labels[start:]), ".".join(labels[start + 1 :])
        if (found := rules.get("!" + here)) is not None and (private or not found):
            return len(labels) - start - 1
        for rule in (here, "*." + above):
            if (found := rules.get(rule)) is not None and (private or not found):
                return len(labels) - start
    return 1


@lru_cache(maxsize=8192)
def registered(host: str, *, platforms: bool = True) -> str:
    """The part of a host that somebody registered: `a.b.example.co.uk` → `example.co.uk`. An IP address stays as it is.

    With `platforms`, a name rented on a platform counts as its own (`me.github.io`); without, it is the platform's.
    """
    host = host.lower().strip(".")
    if not host or is_ip(host):
        return host
    labels = host.split(".")
    length = _suffix_length(host, platforms)
    return ".".join(labels[-length - 1 :]) if length < len(labels) else host


def label(domain: str) -> str:
    """The name part of a registrable domain: `example` of `example.co.uk`."""
    return registered(domain).partition(".")[0]


def below(host: str, domains: tuple[str, ...]) -> bool:
    """Whether a host is one of the domains or under one."""
    host = f".{host.lower().strip('.')}"
    return any(host.endswith(f".{domain}") for domain in domains)


def platform(host: str) -> str:
    """The platform a host is rented on (`github.io`), or empty."""
    host = host.lower().strip(".")
    if not host or is_ip(host):
        return ""
    private, public = _suffix_length(host, True), _suffix_length(host, False)
    return ".".join(host.split(".")[-private:]) if private > public else ""


def known_ending(host: str) -> bool:
    """Whether the last label is a public ending, or one reserved for examples and own networks."""
    last = host.rpartition(".")[2].lower()
    return last in _RESERVED or last in _rules() or f"*.{last}" in _rules()


def valid_domain(domain: str) -> bool:
    """Whether mail could come from here at all: two or more well-formed labels."""
    labels = to_ascii(domain).split(".")
    return (
        len(labels) > 1
        and all(_LABEL.match(label) and len(label) < 64 for label in labels)
        and not labels[-1].isdigit()
    )


def is_ip(host: str) -> bool:
    """Whether a host is an address instead of a name."""
    if not host or not (host[0] in "0123456789[" or ":" in host):
        return False
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def to_ascii(host: str) -> str:
    """A host name in its wire form (punycode); unreadable labels stay as they are."""
    host = unicodedata.normalize("NFKC", host[:253]).lower()
    return host if host.isascii() else ".".join(_ascii_label(label) for label in re.split("[.。．｡]", host))


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return "xn--" + label.encode("punycode").decode("ascii")
    except (UnicodeError, ValueError):
        return label


def to_unicode(host: str) -> str:
    """A host name as people see it."""
    return ".".join(_unicode_label(label) for label in host.split("."))


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError):
        return label


def clean_url(raw: str) -> str:
    """A link target as a browser reads it: blanks inside dropped, backslashes turned, a missing scheme added for `//`."""
    url = _BLANKS.sub("", raw).strip()
    match = _SCHEME.match(url)
    scheme = match[1].lower() if match else ""
    if url.startswith("//"):
        return "http:" + url
    if scheme in _WEB:
        rest = url[len(scheme) + 1 :]
        head, mark, tail = re.split(r"([?#])", rest, maxsplit=1) if re.search(r"[?#]", rest) else (rest, "", "")
        return f"{scheme}://{head.replace(chr(92), '/').lstrip('/')}{mark}{tail}"
    return f"{scheme}:{url[len(scheme) + 1 :]}" if scheme else url


def scheme_of(url: str) -> str:
    """The scheme in lower case, or empty."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def host_of(url: str) -> str:
    """The host a browser would go to, in ASCII: without user name and port, dotless and hex IP addresses written out."""
    if scheme_of(url) not in _WEB:
        return ""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host.partition("]")[0].strip("[]").lower()
    host = to_ascii(unquote(host.partition(":")[0])).rstrip(".")
    return _number_host(host) or (host if _HOST.match(host) else "")


def _number_host(host: str) -> str:
    """WHATWG URL, IPv4 parser: 1 to 4 numbers, decimal, octal or hex."""
    parts = host.split(".")
    if len(parts) > 4 or not all(re.match(r"(0x[0-9a-f]*|[0-9]+)\Z", part) for part in parts):
        return ""
    try:
        numbers = [_number(part) for part in parts]
        value = numbers[-1]
        for index, number in enumerate(numbers[:-1]):
            value += number << (8 * (3 - index))
        return str(IPv4Address(value))
    except ValueError:
        return ""


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and part != "0" else int(part)


def userinfo(url: str) -> str:
    """What stands before an @ in the address of a URL (a classic way to show a false host)."""
    authority = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    return authority.rpartition("@")[0]
