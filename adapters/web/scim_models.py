"""What we serve over SCIM 2.0, described once: users with two extensions, groups, and how we read what peers really send."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ComplexAttribute,
    EnterpriseUser,
    ETag,
    Extension,
    Filter,
    Group,
    Mutability,
    Pagination,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Schema,
    SchemaExtension,
    ScimPolicy,
    ServiceProviderConfig,
    Sort,
    User,
)  # fmt: skip

from bot.directory_scim import OURS

MOST_RESULTS = 200
# Microsoft Entra removes members by value and writes to entries that are not there yet; both send attributes of their own.
LENIENT = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


def _like(*examples: str) -> Any:
    """Optional, with values as they are written (published as canonicalValues)."""
    return Field(default=None, examples=list(examples))


class SecdeskUser(Extension):
    """What the desk wants to know and SCIM has no attribute for. Days as 2026-12-31."""

    __schema__ = URN(OURS)

    start_date: Annotated[str | None, Mutability.read_write, Required.false] = _like("2026-01-31")
    """First day."""

    end_date: Annotated[str | None, Mutability.read_write, Required.false] = _like("2036-12-31")
    """Last day; from the next one on they get nothing and may do nothing."""

    working_days: Annotated[str | None, Mutability.read_write, Required.false] = _like("mon-fri", "sun-thu")
    """Like mon-fri."""

    working_hours: Annotated[str | None, Mutability.read_write, Required.false] = _like("09:00-17:00", "22:00-06:00")
    """Like 09:00-17:00, local time."""

    holiday_region: Annotated[str | None, Mutability.read_write, Required.false] = _like("GB", "DE-BY")
    """Country or part of one whose public holidays hold, like DE-BY."""

    leave: Annotated[list[str] | None, Mutability.read_write, Required.false] = _like("2026-12-21/2026-12-31")
    """Days, or first/last day."""

    mailboxes: Annotated[list[str] | None, Mutability.read_write, Required.false] = _like("board@example.org")
    """Addresses of others whose mail they may open."""


UserModel = User[EnterpriseUser | SecdeskUser]


class Member(ComplexAttribute):
    """Who is in a group. What they are called is the user's own business."""

    value: Annotated[str | None, Mutability.immutable] = None
    """Id of the user."""

    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """Address of the user."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """What it is."""


class GroupModel(Resource[Any]):
    """A group (RFC 7643, section 4.2)."""

    __schema__ = Group.__schema__

    display_name: Annotated[str | None, Required.true] = None
    """What people call it."""

    members: list[Member] | None = None
    """Who is in it."""


@cache
def schemas() -> tuple[Schema, ...]:
    """What the resources are made of."""
    return tuple(model.to_schema() for model in (User, EnterpriseUser, SecdeskUser, GroupModel))


@cache
def resource_types() -> tuple[ResourceType, ...]:
    """Users and groups."""
    extensions = [
        SchemaExtension(schema_=EnterpriseUser.__schema__, required=False),
        SchemaExtension(schema_=SecdeskUser.__schema__, required=False),
    ]
    return (
        ResourceType(id="User", name="User", endpoint="/Users", schema_=User.__schema__, schema_extensions=extensions),
        ResourceType(id="Group", name="Group", endpoint="/Groups", schema_=Group.__schema__),
    )


@cache
def config() -> ServiceProviderConfig:
    """What we can do."""
    return ServiceProviderConfig(
        patch=Patch(supported=True), bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS), change_password=ChangePassword(supported=False),
        sort=Sort(supported=False), etag=ETag(supported=True), pagination=Pagination(cursor=False, index=True),
        authentication_schemes=[
            AuthenticationScheme(
                type="oauthbearertoken", name="Bearer token", description="The token of SECDESK_SCIM_TOKEN", primary=True
            )
        ],
    )  # fmt: skip
