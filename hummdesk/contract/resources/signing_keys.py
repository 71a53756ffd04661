"""The keys with which an account signs the tokens of its users and contacts."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, ListOf, Matching, OneOf, Text, Time, Url
from hummdesk.contract.requests import Payload

MAX_KID = 128
MAX_PEM = 4096
MAX_CLAIM = 500
ASYMMETRIC = ("RS256", "ES256", "EdDSA")


class NewSigningKey(Payload):
    """A public key as PEM, or the address of a JWKS document; without both, a secret is made.

    `algorithm` goes with `jwksUrl`. `issuer` and `audience` are required values of the claims `iss` and `aud`.
    """

    kid = Matching(r"[A-Za-z0-9._~-]+", what="letters, digits and `._~-`", longest=MAX_KID, load_default=None)
    publicKey = Text(shortest=1, longest=MAX_PEM, load_default=None)
    jwksUrl = Url(load_default=None)
    algorithm = OneOf(*ASYMMETRIC, load_default=None)
    issuer = Text(shortest=1, longest=MAX_CLAIM, load_default=None)
    audience = Text(shortest=1, longest=MAX_CLAIM, load_default=None)

    @validates_schema
    def _one_kind(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("publicKey") is not None and data.get("jwksUrl") is not None:
            raise ValidationError("Give publicKey or jwksUrl, not both.", "jwksUrl")
        if data.get("algorithm") is not None and data.get("jwksUrl") is None:
            raise ValidationError("Goes with jwksUrl: a public key determines it.", "algorithm")


class SigningKey(Schema):
    """A signing key, without its secret. `id` is the `kid`."""

    id = AnyText(required=True)
    kid = AnyText(required=True)
    algorithm = AnyText(required=True)
    kind = OneOf("secret", "public key", "JWKS", required=True)
    jwksUrl = AnyText()
    issuer = AnyText()
    audience = AnyText()
    createdAt = Time(required=True)
    revokedAt = Time()


class SigningKeyWithSecret(SigningKey):
    """`secret` is that of a key that was made, and shown only once."""

    secret = AnyText()


class SigningKeyList(Schema):
    """All keys of the account, also revoked ones."""

    signingKeys = ListOf(fields.Nested(SigningKey), required=True)
