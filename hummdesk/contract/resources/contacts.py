"""Contacts: the customers of an account."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyObject, AnyText, Boolean, Email, Id, ListOf, Metadata, Text, Time, Url
from hummdesk.contract.requests import Payload, Update
from hummdesk.contract.resources.lists import PageQuery

MAX_NAME = 100
MAX_EXTERNAL_ID = 128
MAX_NOTES = 10_000


class ContactUpsert(Payload):
    """A contact that is found by `externalId`, or else by `email`. `attributes` replace the previous ones."""

    externalId = Text(shortest=1, longest=MAX_EXTERNAL_ID, attribute="external_id")
    email = Email()
    name = Text(shortest=1, longest=MAX_NAME)
    avatar = Url(attribute="avatar_url")
    attributes = Metadata()

    @validates_schema
    def _identified(self, data: dict[str, Any], **_: Any) -> None:
        if "external_id" not in data and "email" not in data:
            raise ValidationError("Give externalId, email or both.", "externalId")


class ContactUpdate(Update):
    """What is to be changed; `attributes` replace the previous ones. A contact that is not `active` is signed out.

    `notes` are those of staff, which the customer does not see.
    """

    externalId = Text(shortest=1, longest=MAX_EXTERNAL_ID, attribute="external_id")
    email = Email()
    name = Text(shortest=1, longest=MAX_NAME)
    avatar = Url(attribute="avatar_url")
    attributes = Metadata()
    notes = Text(longest=MAX_NOTES)
    active = Boolean()


class CustomerClaims(Schema):
    """The claims of a customer's token about the customer. Others are ignored."""

    class Meta:
        unknown = EXCLUDE

    externalId = Text(required=True, shortest=1, longest=MAX_EXTERNAL_ID, attribute="external_id")
    email = Email()
    emailVerified = Boolean(load_default=False, attribute="is_verified")
    name = Text(shortest=1, longest=MAX_NAME)
    avatar = Url(attribute="avatar_url")
    attributes = Metadata()


class ContactQuery(PageQuery):
    """`externalId` and `email` find one contact."""

    externalId = Text(shortest=1, longest=MAX_EXTERNAL_ID, load_default=None, attribute="external_id")
    email = Text(shortest=1, longest=254, load_default=None)
    active = Boolean(load_default=None)


class Contact(Schema):
    """A contact. `email` is left out if it is not known."""

    id = Id(required=True)
    externalId = AnyText()
    email = AnyText()
    name = AnyText(required=True)
    avatar = AnyText()
    attributes = AnyObject(required=True)
    notes = AnyText()
    active = Boolean(required=True)
    createdAt = Time(required=True)


class PageVisit(Schema):
    """A page as the customer's widget has reported it, without query and fragment."""

    url = AnyText(required=True)
    title = AnyText(required=True)
    visitedAt = Time(required=True)


class PageVisits(Schema):
    pages = ListOf(fields.Nested(PageVisit), required=True)


class ContactPage(Schema):
    contacts = ListOf(fields.Nested(Contact), required=True)
    nextCursor = AnyText()
