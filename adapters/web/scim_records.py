"""Users and groups that an identity provider pushes: reading, searching and changing them in the roster."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from scim2_models import (
    Context,
    ForbiddenException,
    GroupMembership,
    InvalidValueException,
    ListResponse,
    Meta,
    NotFoundException,
    PatchOp,
    PreconditionFailedException,
    Resource,
    ScimFilter,
    TooManyException,
    UniquenessException,
)  # fmt: skip

from adapters.web.scim_models import LENIENT, MOST_RESULTS, GroupModel, Member, UserModel
from bot.directory import SCIM, Said
from bot.directory_roster import GROUP, USER
from bot.directory_scim import ENTERPRISE, faults_of, name_of, said_of
from bot.directory_sources import Sources
from bot.ports import Row, Tx
from bot.turn import Work

ACTOR: Final = "scim"
SCANNED: Final = 20_000  # rows that a search without an index may look at
USERS_MOST: Final = 500_000
GROUPS_MOST: Final = 20_000
MEMBERS_MOST: Final = 5_000  # in one request
OPERATIONS_MOST: Final = 500
_READ_ONLY = {"id", "meta", "schemas", "groups"}
_INDEXED = {"username": "name", "displayname": "name", "externalid": "outside"}


@dataclass(frozen=True)
class Kind:
    """Users or groups."""

    endpoint: str
    kind: str
    model: type[Resource[Any]]
    label: str
    most: int


USERS = Kind("Users", USER, UserModel, "User", USERS_MOST)
GROUPS = Kind("Groups", GROUP, GroupModel, "Group", GROUPS_MOST)


@dataclass(frozen=True)
class Records:
    """Reads and writes. Everything raises `SCIMException` and `StoreUnavailable`."""

    sources: Sources
    base: str  # address of the service, without a slash at the end

    # reading

    def get(self, kind: Kind, row_id: str, members: bool = True) -> Resource[Any]:
        """One resource."""
        return self.resource(kind, self._row(kind, row_id), members=members)

    def search(self, kind: Kind, wanted: str, start: int, count: int, members: bool) -> ListResponse[Any]:
        """A page of what matches a filter ("": everything). `start` counts from 1."""
        count, start = max(0, min(count, MOST_RESULTS)), max(1, start)
        store = self.sources.roster.store
        if not wanted:
            total = store.count(SCIM, kind.kind)
            rows = store.page(SCIM, kind.kind, start - 1, count) if count else []
            found = [self.resource(kind, row, members=members) for row in rows]
        else:
            matching = list(self._matching(kind, wanted, members))
            total, found = len(matching), matching[start - 1 : start - 1 + count]
        return ListResponse[kind.model](  # type: ignore[name-defined]
            total_results=total, start_index=start, items_per_page=len(found), resources=found
        )

    def _matching(self, kind: Kind, wanted: str, members: bool) -> Iterator[Resource[Any]]:
        filtered: Any = ScimFilter[kind.model](wanted)  # type: ignore[name-defined]
        for row in self._candidates(kind, filtered.ast):
            found = self.resource(kind, row, members=members)
            if filtered.match(found):
                yield found

    def _candidates(self, kind: Kind, node: Any) -> list[Row]:
        """Rows that may match: by an index where a name or an id is compared, else all of them."""
        store, roster = self.sources.roster.store, self.sources.roster
        for name, value in _equals(node):
            if name == "id":
                row = store.get(SCIM, kind.kind, value)
                return [row] if row and not row["gone"] else []
            if column := _INDEXED.get(name):
                return store.by(column, roster.digest(value), SCIM, kind.kind)
        if store.count(SCIM, kind.kind) > SCANNED:
            raise TooManyException(detail="compare userName, displayName, externalId or id with eq")
        return store.page(SCIM, kind.kind, 0, SCANNED)

    def resource(self, kind: Kind, row: Row, *, members: bool = True) -> Resource[Any]:
        """A stored row as what we answer."""
        store = self.sources.roster.store
        raw = self.sources.roster.opened(row).get("resource", {})
        found = kind.model.model_validate(raw, scim_policy=LENIENT)
        place = f"{self.base}/{kind.endpoint}/{row['id']}"
        found.id = row["id"]
        found.meta = Meta(
            resource_type=kind.label, created=_time(row["created_at"]), last_modified=_time(row["updated_at"]), location=place,
            version=version_of(row),
        )  # fmt: skip
        if isinstance(found, GroupModel) and members:
            ids = store.members(SCIM, row["id"])
            found.members = [self._member(member) for member in ids] or None
        if kind is USERS and (teams := store.teams(SCIM, row["id"])):
            found.groups = [  # type: ignore[attr-defined]
                GroupMembership(value=team["id"], display=self._name(team), ref=f"{self.base}/Groups/{team['id']}")
                for team in store.some(SCIM, GROUP, teams)
                if not team["gone"]
            ]
        return found

    def _member(self, member: str) -> Member:
        return Member(value=member, ref=f"{self.base}/Users/{member}", type="User")

    def _name(self, row: Row) -> str:
        return str(self.sources.roster.opened(row).get("name", ""))

    def _row(self, kind: Kind, row_id: str, match: str = "", tx: Tx | None = None) -> Row:
        row = self.sources.roster.store.get(SCIM, kind.kind, row_id[:200], tx)
        if row is None or row["gone"]:
            raise NotFoundException(detail=f"there is no {kind.label} {row_id[:60]}")
        if match and match != "*" and version_of(row) not in [part.strip() for part in match.split(",")]:
            raise PreconditionFailedException(detail="somebody else has changed it since you read it")
        return row

    # writing

    def create(self, kind: Kind, payload: Mapping[str, Any]) -> Resource[Any]:
        """A new resource. Its name must not be taken."""
        model = _validated(kind, payload, Context.RESOURCE_CREATION_REQUEST)

        def change(work: Work, seq: int) -> str:
            if self.sources.roster.store.count(SCIM, kind.kind) >= kind.most:
                raise ForbiddenException(detail=f"more than {kind.most} are not kept here")
            new = str(uuid.uuid4())
            self._write(work, seq, kind, new, model, None)
            return new

        return self.get(kind, self.sources.change(change))

    def replace(self, kind: Kind, row_id: str, payload: Mapping[str, Any], match: str = "") -> Resource[Any]:
        """All of a resource anew."""
        model = _validated(kind, payload, Context.RESOURCE_REPLACEMENT_REQUEST)

        def change(work: Work, seq: int) -> None:
            row = self._row(kind, row_id, match, work.tx)
            model.replace(self.resource(kind, row, members=False))  # what must not change is refused
            self._write(work, seq, kind, row_id, model, row)

        self.sources.change(change)
        return self.get(kind, row_id)

    def patch(self, kind: Kind, row_id: str, payload: Mapping[str, Any], match: str = "") -> Resource[Any]:
        """Parts of a resource."""
        payload = tidied(payload)
        quick = _members_only(payload) if kind is GROUPS else None
        operations: Any = PatchOp[kind.model].model_validate(  # type: ignore[name-defined]
            payload, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=LENIENT
        )

        def change(work: Work, seq: int) -> None:
            row = self._row(kind, row_id, match, work.tx)
            if quick is not None:
                self._regroup(work, seq, row_id, quick)
                return
            found = self.resource(kind, row)
            before = found.model_dump()
            operations.patch(found, scim_policy=LENIENT)
            if found.model_dump() != before:
                self._write(work, seq, kind, row_id, found, row)

        self.sources.change(change)
        return self.get(kind, row_id)

    def delete(self, kind: Kind, row_id: str, match: str = "") -> None:
        """Take a resource out. A person who is deleted has left, and no other source brings them back."""

        def change(work: Work, seq: int) -> None:
            row = self._row(kind, row_id, match, work.tx)
            roster = self.sources.roster
            if kind is GROUPS:
                roster.store.part(work.tx, SCIM, row_id, None)
                roster.write_group(work.tx, (SCIM, row_id), "", seq, work.at, gone=True)
            else:
                for team in roster.store.teams(SCIM, row_id):
                    roster.store.part(work.tx, SCIM, team, [row_id])
                    roster.store.touch(work.tx, SCIM, GROUP, team, seq, work.at)
                said = roster.said(row)
                kept = Said(SCIM, row_id, said.person, said.addresses, said.name, active=False)
                self.sources.put(work, seq, kept, ACTOR, gone=True)
            work.audit(ACTOR, "people.scim.delete", row_id, kind=kind.kind)

        self.sources.change(change)

    # inside

    def _write(self, work: Work, seq: int, kind: Kind, row_id: str, model: Resource[Any], row: Row | None) -> None:
        raw = {key: value for key, value in json.loads(model.model_dump_json()).items() if key not in _READ_ONLY}
        if kind is GROUPS:
            self._write_group(work, seq, row_id, raw, row)
        else:
            self._write_user(work, seq, row_id, raw, row)
        work.audit(ACTOR, "people.scim.create" if row is None else "people.scim.change", row_id, kind=kind.kind)

    def _write_user(self, work: Work, seq: int, row_id: str, raw: dict[str, Any], row: Row | None) -> None:
        roster, name = self.sources.roster, name_of(raw)
        if faults := faults_of(raw):
            raise InvalidValueException(detail=faults[0])
        if not name:
            raise InvalidValueException(detail="userName is empty")
        taken = [one["id"] for one in roster.store.by("name", roster.digest(name), SCIM, USER, work.tx)]
        if any(other != row_id for other in taken):
            raise UniquenessException(detail=f"the userName {name[:80]} is taken")
        raw.pop("password", None)
        said = said_of(row_id, raw)
        if row is None:
            self._clear(work, seq, said)
        outside = str(raw.get("externalId") or "")
        self.sources.put(work, seq, said, ACTOR, name=name, outside=outside, more={"resource": raw})

    def _clear(self, work: Work, seq: int, said: Said) -> None:
        """Somebody who was deleted and comes back: what is kept of the deleted one no longer stands against them."""
        roster = self.sources.roster
        for row in roster.store.named([roster.digest(address) for address in said.addresses], work.tx):
            if row["source"] == SCIM and row["gone"]:
                person = roster.said(row).person
                roster.write(work.tx, Said(SCIM, row["id"], active=False), seq, work.at, gone=True)
                roster.write(work.tx, Said(SCIM, said.id, person), seq, work.at)  # the new one is the same person

    def _write_group(self, work: Work, seq: int, row_id: str, raw: dict[str, Any], row: Row | None) -> None:
        roster, name = self.sources.roster, str(raw.get("displayName") or "").strip()
        if not name:
            raise InvalidValueException(detail="displayName is empty")
        members = {str(one.get("value") or "")[:200] for one in raw.pop("members", None) or ()} - {""}
        held = set(roster.store.members(SCIM, row_id, work.tx)) if row else set[str]()
        self._known_members(members - held, work.tx)
        roster.write_group(
            work.tx,
            (SCIM, row_id),
            name,
            seq,
            work.at,
            outside=str(raw.get("externalId") or ""),
            more={"resource": raw},
        )
        roster.store.join(work.tx, SCIM, row_id, members - held)
        roster.store.part(work.tx, SCIM, row_id, held - members)

    def _regroup(self, work: Work, seq: int, row_id: str, moves: list[tuple[bool, set[str]]]) -> None:
        """Members in and out of a group, without reading all of it."""
        store = self.sources.roster.store
        for joins, members in moves:
            if joins:
                self._known_members(members, work.tx)
                store.join(work.tx, SCIM, row_id, members)
            else:
                store.part(work.tx, SCIM, row_id, members)
        store.touch(work.tx, SCIM, GROUP, row_id, seq, work.at)
        work.audit(ACTOR, "people.scim.members", row_id, moved=str(sum(len(members) for _, members in moves)))

    def _known_members(self, members: set[str], tx: Tx) -> None:
        for member in sorted(members):
            row = self.sources.roster.store.get(SCIM, USER, member, tx)
            if row is None or row["gone"]:
                raise InvalidValueException(detail=f"there is no User {member[:60]} to be a member")


def version_of(row: Row) -> str:
    """The weak entity tag of a row."""
    return f'W/"{row["version"]}"'


def tidied(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A PATCH as providers send it, as the standard has it: Okta repeats the id in a value, Microsoft Entra sends a manager's
    id bare."""
    operations = payload.get("Operations")
    if not isinstance(operations, list) or len(operations) > OPERATIONS_MOST:
        raise InvalidValueException(detail=f"Operations: give a list of at most {OPERATIONS_MOST}")
    return {**payload, "Operations": [_operation(one) if isinstance(one, dict) else one for one in operations]}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    value, path = operation.get("value"), str(operation.get("path") or "")
    if not path and isinstance(value, dict):
        value = {key: _manager(key, item) for key, item in value.items() if key not in _READ_ONLY}
    elif path:
        value = _manager(path, value)
    return {**operation, "value": value} if "value" in operation else operation


def _manager(path: str, value: Any) -> Any:
    if not path.endswith(":manager"):
        return value
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    value = {"value": value} if isinstance(value, str) else value
    if isinstance(value, dict) and value.get("value") and not value.get("$ref"):  # which nobody sends
        return {**value, "$ref": f"../Users/{value['value']}"}
    return value


def _members_only(payload: Mapping[str, Any]) -> list[tuple[bool, set[str]]] | None:
    """A PATCH that only adds and removes named members, as (joins, members); None for any other."""
    moves: list[tuple[bool, set[str]]] = []
    for one in payload["Operations"]:
        verb = str(one.get("op", "")).casefold() if isinstance(one, dict) else ""
        value = one.get("value") if isinstance(one, dict) else None
        if verb not in ("add", "remove") or one.get("path") != "members" or not isinstance(value, list) or not value:
            return None
        if not all(isinstance(item, dict) and isinstance(item.get("value"), str) and item["value"] for item in value):
            return None
        moves.append((verb == "add", {item["value"][:200] for item in value}))
    if sum(len(members) for _, members in moves) > MEMBERS_MOST:
        raise InvalidValueException(detail=f"send at most {MEMBERS_MOST} members at a time")
    return moves


def _validated(kind: Kind, payload: Mapping[str, Any], context: Context) -> Resource[Any]:
    payload = {key: value for key, value in payload.items() if key not in ("id", "meta", "groups")}
    if isinstance(work := payload.get(ENTERPRISE), dict) and "manager" in work:
        payload[ENTERPRISE] = {**work, "manager": _manager(":manager", work["manager"])}
    members = payload.get("members")
    if isinstance(members, list) and len(members) > MEMBERS_MOST:
        raise InvalidValueException(detail=f"send at most {MEMBERS_MOST} members at a time")
    return kind.model.model_validate(payload, scim_ctx=context, scim_policy=LENIENT)


def _equals(node: Any) -> Iterator[tuple[str, str]]:
    """Top-level comparisons with eq that all must hold, as (attribute, value)."""
    kind = type(node).__name__
    if kind == "LogicalExpr" and str(node.op).casefold().endswith("and"):
        for term in node.terms:
            yield from _equals(term)
    if kind == "Comparison" and str(node.op).casefold().endswith("eq") and isinstance(node.value, str):
        path = node.attr_path
        if path.sub_attr is None:
            yield path.attr.casefold(), node.value


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
