"""What several checks want to know about one mail, worked out once: domains, link targets, wording, names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.reporting.context import Brand, Context
from bot.reporting.domains import (
    below,
    clean_url,
    host_of,
    known_ending,
    label,
    registered,
    scheme_of,
    to_ascii,
    valid_domain,
)
from bot.reporting.index import index
from bot.reporting.mail_model import Email, Link
from bot.reporting.phrases import words

IDEA_WORDS = 400
BODY = 12_000  # characters of the visible text that wording is looked for in
_HOSTLIKE = re.compile(r"^\W*(?:https?:/{1,2})?((?:[\w-]{1,63}\.){1,6}[a-z]{2,18})(?::\d+)?(?:[/?#]\S*)?\W*$", re.I)
_PROOFPOINT_3 = re.compile(r"/v3/__(https?:/{1,2}.+?)__;", re.I)


@dataclass(frozen=True)
class Target:
    """A link with its true target: rewriting by mail gateways is undone."""

    link: Link
    url: str
    host: str
    domain: str  # registrable; a rented name on a platform is its own


class Facts:
    """Lazily worked out; reads only the mail and the context."""

    def __init__(self, email: Email, context: Context) -> None:
        self.email, self.context, self.index = email, context, index(context)

    @cached_property
    def sender_domain(self) -> str:
        """The registrable domain of the sender, empty if there is none that mail could come from."""
        domain = to_ascii(self.email.sender.domain)
        return registered(domain) if valid_domain(domain) else ""

    @cached_property
    def sender_host(self) -> str:
        return to_ascii(self.email.sender.domain)

    @cached_property
    def freemail(self) -> bool:
        return self.sender_domain in self.context.hosts.freemail

    @cached_property
    def own(self) -> bool:
        """Whether the sender claims to be one of us (anybody can)."""
        return below(self.sender_host, self.context.own_domains)

    @cached_property
    def subject_words(self) -> list[str]:
        return words(self.email.subject)

    @cached_property
    def body_words(self) -> list[str]:
        return words(self.email.text[:BODY])

    @cached_property
    def subject_hits(self) -> dict[str, list[str]]:
        return self.index.wording.find(words(f"{self.email.sender.name} . {self.email.subject}"))

    @cached_property
    def body_hits(self) -> dict[str, list[str]]:
        return self.index.wording.find(self.body_words)

    @cached_property
    def idea_text(self) -> list[str]:
        return [*self.subject_words, ".", *self.body_words][:IDEA_WORDS]

    @cached_property
    def ideas(self) -> dict[str, list[tuple[int, int]]]:
        """Where the ideas of money fraud stand in subject and text (word positions)."""
        return self.index.ideas.spans(self.idea_text)

    def idea_words(self, *names: str) -> str:
        """The words behind the first of some ideas that is there, for quoting."""
        for name in names:
            if spots := self.ideas.get(name):
                start, end = max(spots, key=lambda spot: spot[1] - spot[0])
                return " ".join(self.idea_text[start : max(end, start + 1)])
        return ""

    def together(self, left: str, right: str, distance: int = 10) -> bool:
        """Whether two ideas stand within `distance` words of each other, in either order, without sharing a word."""
        return any(
            0 <= start - end <= distance
            for one, other in ((left, right), (right, left))
            for _, end in self.ideas.get(one, ())
            for start, _ in self.ideas.get(other, ())
        )

    def hits(self, category: str) -> list[str]:
        """What was found of a category, subject and sender's name first."""
        return list(dict.fromkeys(self.subject_hits.get(category, []) + self.body_hits.get(category, [])))

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Web links, forms and redirects (not pictures, not mail addresses)."""
        result = []
        for link in self.email.links:
            url = real_target(link.target, self.context)
            if host := host_of(url):
                result.append(Target(link, url, host, registered(host)))
        return tuple(result)

    @cached_property
    def link_domains(self) -> frozenset[str]:
        return frozenset(target.domain for target in self.targets)

    @cached_property
    def foreign(self) -> tuple[Target, ...]:
        """Targets that are not the sender's own domain."""
        return tuple(target for target in self.targets if not self.same_owner(target.domain))

    def same_owner(self, domain: str) -> bool:
        """Whether a domain plainly belongs to the sender: the same, or the same brand."""
        if not self.sender_domain:
            return False
        if domain == self.sender_domain or label(domain) == label(self.sender_domain):
            return True
        return not self.index.owners(domain).isdisjoint(self.index.owners(self.sender_domain))

    @cached_property
    def name_brands(self) -> tuple[Brand, ...]:
        """Brands that the sender's display name claims and the address is not (`X via Y` of a mailing list speaks for Y)."""
        name = self.email.sender.name
        _, _, carrier = " ".join(words(name)).partition(" via ")
        if any(len(word) > 3 and word in self.sender_domain for word in carrier.split()):
            return ()
        return tuple(brand for brand in self.index.named(name) if not self.index.owns(brand, self.sender_host))

    @cached_property
    def claimed(self) -> tuple[Brand, ...]:
        """Brands that name or subject speak for although sender and links are others. A known firm's own mail may name others."""
        seen = dict.fromkeys(self.name_brands)
        if not self.index.owners(self.sender_host):
            seen.update(dict.fromkeys(self.index.mentioned(self.subject_words)))
        honest = {name for target in self.foreign for name in self.index.owners(target.host)}
        strange = any(not self.index.owners(target.host) for target in self.foreign)
        return tuple(brand for brand in seen if strange or brand.name not in honest)

    @cached_property
    def word_count(self) -> int:
        return len(self.body_words)


_last: tuple[Email, Context, Facts] | None = None


def facts(email: Email, context: Context) -> Facts:
    """The facts of a mail. All checks of one mail share them (the last mail is remembered, by identity)."""
    global _last  # noqa: PLW0603  (one slot beats threading an argument through every check)
    if _last is not None and _last[0] is email and _last[1] is context:
        return _last[2]
    made = Facts(email, context)
    _last = (email, context, made)
    return made


def shown_host(text: str) -> str:
    """The host a link's visible text claims, if it is nothing but an address."""
    match = _HOSTLIKE.match(text.strip())
    if not match:
        return ""
    host = to_ascii(match[1])
    return host if known_ending(host) else ""


def real_target(url: str, context: Context) -> str:
    """A target without the rewriting of mail gateways (they keep the first address in the new one)."""
    host = host_of(url)
    if not below(host, context.hosts.gateways):
        return url
    if match := _PROOFPOINT_3.search(url):
        return clean_url(re.sub(r"^(https?:)/(?!/)", r"\1//", match[1]))
    for key, value in parse_qsl(urlsplit(url).query[:8000]):
        if key in ("url", "u", "a", "domain") and value:
            first = unquote(value.replace("_", "/").replace("-", "%")) if "proofpoint" in host else value
            return clean_url(first) if scheme_of(first) in ("http", "https") else url
    return url


def claims(text: str, names: tuple[str, ...]) -> str:
    """The first of the full names that a text contains, in any order of its words."""
    have = set(words(text))
    for name in names:
        parts = words(name)
        if len(parts) > 1 and have.issuperset(parts):
            return name
    return ""
