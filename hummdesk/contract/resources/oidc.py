"""The identity provider of an account."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, BoundedMap, Id, ListOf, MapOf, OneOf, Text, Url
from hummdesk.contract.requests import Payload
from hummdesk.core.models import STAFF_RANKS

MAX_NAME = 255
MAX_GROUPS = 200
MAX_TEAMS = 50
MAX_DOMAINS = 50
MAX_SCOPES = 20


class NewGrant(Payload):
    role = OneOf(*STAFF_RANKS)
    teamIds = BoundedList(Id(), most=MAX_TEAMS, load_default=list)


class NewOidcProvider(Payload):
    """`clientSecret` null: a public client. Without it the one that is stored is kept, unless the issuer changes."""

    issuer = Url(required=True)
    clientId = Text(required=True, shortest=1, longest=MAX_NAME)
    clientSecret = Text(shortest=1, longest=1024, allow_none=True)
    scopes = BoundedList(Text(shortest=1, longest=MAX_NAME), most=MAX_SCOPES, load_default=None)
    groupsClaim = Text(shortest=1, longest=MAX_NAME, load_default=None)
    groups = BoundedMap(
        least=0,
        most=MAX_GROUPS,
        keys=Text(shortest=1, longest=MAX_NAME),
        values=fields.Nested(NewGrant),
        load_default=dict,
    )
    emailDomains = BoundedList(Text(shortest=1, longest=253), most=MAX_DOMAINS, load_default=list)
    createsUsers = Boolean(load_default=False)
    defaultRole = OneOf(*STAFF_RANKS, load_default="agent")

    @post_load
    def _check(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data["scopes"] is not None and "openid" not in data["scopes"]:
            raise ValidationError("Must contain openid.", "scopes")
        if any("@" in one or " " in one for one in data["emailDomains"]):
            raise ValidationError("Must be domains like acme.example.", "emailDomains")
        return data


class Grant(Schema):
    role = OneOf(*STAFF_RANKS)
    teamIds = ListOf(Id(), required=True)


class OidcProvider(Schema):
    """`redirectUri` is to be registered at the provider."""

    issuer = AnyText(required=True)
    clientId = AnyText(required=True)
    hasClientSecret = Boolean(required=True)
    scopes = ListOf(AnyText(), required=True)
    groupsClaim = AnyText(required=True)
    groups = MapOf(keys=AnyText(), values=fields.Nested(Grant), required=True)
    emailDomains = ListOf(AnyText(), required=True)
    createsUsers = Boolean(required=True)
    defaultRole = OneOf(*STAFF_RANKS, required=True)
    redirectUri = AnyText(required=True)
    names = ListOf(AnyText(), required=True)
