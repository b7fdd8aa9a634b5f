"""Who may do what in the console and over its API: five roles, and one table from a permission to the roles that have it.

A route declares the permission it needs, an API token its scopes; both are names of `PERMISSIONS`. Nothing else decides. Somebody
has the roles their directory roles give (`console` in roles.yaml) or, signed in with OpenID Connect, their groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

ConsoleRole = Literal["viewer", "analyst", "author", "approver", "admin"]
Permission = Literal["see", "own", "people", "work", "write", "approve", "send", "manage"]

ROLES: Final[tuple[ConsoleRole, ...]] = ("viewer", "analyst", "author", "approver", "admin")
DESK: Final[frozenset[ConsoleRole]] = frozenset(
    {"analyst", "author", "approver"}
)  # of a role with `desk: true` that says nothing
_ALL: Final = frozenset(ROLES)

PERMISSIONS: Final[Mapping[Permission, frozenset[ConsoleRole]]] = {
    "see": _ALL,  # look at pages
    "own": _ALL,  # one's own things: sign out, one's own sessions
    "people": frozenset({"analyst", "admin"}),  # pages about a person, likely targets
    "work": frozenset({"analyst", "admin"}),  # tickets, reported mail, calls, codes, running a procedure
    "write": frozenset({"author", "admin"}),  # drafts of answers, lessons, procedures
    "approve": frozenset({"approver", "admin"}),  # the second person: publishing, purges, blocks, steps at an account
    "send": frozenset({"approver", "admin"}),  # what reaches many people: campaigns, waves, comparisons
    "manage": frozenset({"admin"}),  # sessions of others, API tokens, legal holds
}


def allowed(roles: Collection[str], permission: str) -> bool:
    """Whether somebody with these console roles has a permission. Raises `KeyError` for one there is not."""
    return not PERMISSIONS[permission].isdisjoint(roles)  # type: ignore[index]
