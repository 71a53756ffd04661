"""The contract of the REST API, as one table of routes.

To add a route: a row here, its schemas in `hummdesk.contract.resources`, its function in
`hummdesk.server.api.routes`, its test. The OpenAPI document follows from the rows.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from marshmallow import Schema

from hummdesk.contract import requests
from hummdesk.contract.resources import (
    articles,
    audit,
    contacts,
    conversations,
    feed,
    keys,
    lists,
    messages,
    oidc,
    presence,
    sessions,
    settings,
    signing_keys,
    teams,
    tokens,
    users,
    webhooks,
)
from hummdesk.contract.table import ADMIN
from hummdesk.core.models import ANSWERING, STAFF, Role

BASE = "/api/v1"

DEPRECATED_MONTHS = 12

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETER = re.compile(r"\{(\w+)(?::(text))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of a path below BASE. `roles` are those of users, or of keys by their scope.

    A parameter of the path is a UUID, or any text if it is written `{name:text}`. `answer` None: no content.
    """

    name: str
    """Also of its function, and the operationId."""
    method: Method
    path: str
    summary: str
    roles: frozenset[Role]
    answer: Schema | None
    body: Schema | None = None
    query: Schema | None = None
    status: int = 200
    is_tagged: bool = False
    """Its answer has an ETag, and it honours `If-Match`, or `If-None-Match` if it reads."""
    deprecated: date | None = None
    """The day since when it should not be used; it works for DEPRECATED_MONTHS after it."""
    sunset: date | None = None
    """The day from which it may not work."""

    @property
    def parameters(self) -> dict[str, bool]:
        """The parameters of the path, and whether each is any text."""
        return {name: kind == "text" for name, kind in _PARAMETER.findall(self.path)}

    @property
    def plain_path(self) -> str:
        """The path without the types of its parameters, as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    def matches(self, path: str) -> bool:
        """Whether a path of a request is one of this route."""
        return re.fullmatch(BASE + re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.plain_path)), path) is not None

    @property
    def noun(self) -> str:
        return self.path.split("/")[1]


ROUTES: dict[str, Route] = {
    route.name: route
    for route in (
        Route(
            name="create_key",
            method="POST",
            path="/keys",
            summary="Create an API key. Its text is in this answer only.",
            roles=ADMIN,
            body=keys.NewKey(),
            answer=keys.KeyWithText(),
            status=201,
        ),
        Route(
            name="list_keys",
            method="GET",
            path="/keys",
            summary="List API keys, newest first, also revoked ones.",
            roles=ADMIN,
            query=lists.PageQuery(),
            answer=keys.KeyPage(),
        ),
        Route(
            name="get_key",
            method="GET",
            path="/keys/{id}",
            summary="Show an API key.",
            roles=ADMIN,
            answer=keys.Key(),
        ),
        Route(
            name="rotate_key",
            method="POST",
            path="/keys/{id}/rotate",
            summary="Replace the text of an API key. The old one is refused within a second.",
            roles=ADMIN,
            answer=keys.KeyWithText(),
        ),
        Route(
            name="revoke_key",
            method="DELETE",
            path="/keys/{id}",
            summary="Revoke an API key. It is refused within a second.",
            roles=ADMIN,
            answer=keys.Key(),
        ),
        Route(
            name="create_user",
            method="POST",
            path="/users",
            summary="Create a user.",
            roles=ADMIN,
            body=users.NewUser(),
            answer=users.User(),
            status=201,
            is_tagged=True,
        ),
        Route(
            name="list_users",
            method="GET",
            path="/users",
            summary="List users, newest first.",
            roles=STAFF,
            query=users.UserQuery(),
            answer=users.UserPage(),
        ),
        Route(
            name="get_user",
            method="GET",
            path="/users/{id}",
            summary="Show a user.",
            roles=STAFF,
            answer=users.User(),
            is_tagged=True,
        ),
        Route(
            name="update_user",
            method="PATCH",
            path="/users/{id}",
            summary="Change a user.",
            roles=ADMIN,
            body=users.UserUpdate(),
            answer=users.User(),
            is_tagged=True,
        ),
        Route(
            name="disable_user",
            method="POST",
            path="/users/{id}/disable",
            summary="Sign a user out within a second, and unassign the user's conversations.",
            roles=ADMIN,
            answer=users.User(),
            is_tagged=True,
        ),
        Route(
            name="enable_user",
            method="POST",
            path="/users/{id}/enable",
            summary="Let a disabled user sign in again.",
            roles=ADMIN,
            answer=users.User(),
            is_tagged=True,
        ),
        Route(
            name="create_sign_in_link",
            method="POST",
            path="/users/{id}/sign-in-links",
            summary="Create a link with which a user signs in once, within 24 hours. It is in this answer only.",
            roles=ADMIN,
            answer=users.SignInLink(),
            status=201,
        ),
        Route(
            name="create_team",
            method="POST",
            path="/teams",
            summary="Create a team.",
            roles=ADMIN,
            body=teams.NewTeam(),
            answer=teams.ManagedTeam(),
            status=201,
            is_tagged=True,
        ),
        Route(
            name="list_teams",
            method="GET",
            path="/teams",
            summary="List teams, newest first.",
            roles=STAFF,
            query=teams.TeamQuery(),
            answer=teams.TeamPage(),
        ),
        Route(
            name="get_team",
            method="GET",
            path="/teams/{id}",
            summary="Show a team.",
            roles=STAFF,
            answer=teams.ManagedTeam(),
            is_tagged=True,
        ),
        Route(
            name="update_team",
            method="PATCH",
            path="/teams/{id}",
            summary="Change a team.",
            roles=ADMIN,
            body=teams.TeamUpdate(),
            answer=teams.ManagedTeam(),
            is_tagged=True,
        ),
        Route(
            name="list_team_members",
            method="GET",
            path="/teams/{id}/members",
            summary="List the members of a team, newest user first.",
            roles=STAFF,
            query=lists.PageQuery(),
            answer=users.UserPage(),
        ),
        Route(
            name="add_team_members",
            method="POST",
            path="/teams/{id}/members",
            summary="Add users to a team.",
            roles=ADMIN,
            body=teams.NewMembers(),
            answer=teams.ManagedTeam(),
        ),
        Route(
            name="remove_team_member",
            method="DELETE",
            path="/teams/{id}/members/{userId}",
            summary="Remove a user from a team.",
            roles=ADMIN,
            answer=teams.ManagedTeam(),
        ),
        Route(
            name="upsert_contact",
            method="PUT",
            path="/contacts",
            summary="Create or change the contact with this external id, or else with this e-mail address.",
            roles=ANSWERING,
            body=contacts.ContactUpsert(),
            answer=contacts.Contact(),
        ),
        Route(
            name="list_contacts",
            method="GET",
            path="/contacts",
            summary="List contacts, newest first.",
            roles=STAFF,
            query=contacts.ContactQuery(),
            answer=contacts.ContactPage(),
        ),
        Route(
            name="get_contact",
            method="GET",
            path="/contacts/{id}",
            summary="Show a contact.",
            roles=STAFF,
            answer=contacts.Contact(),
            is_tagged=True,
        ),
        Route(
            name="update_contact",
            method="PATCH",
            path="/contacts/{id}",
            summary="Change a contact.",
            roles=ANSWERING,
            body=contacts.ContactUpdate(),
            answer=contacts.Contact(),
            is_tagged=True,
        ),
        Route(
            name="create_article",
            method="POST",
            path="/knowledge",
            summary="Create an article.",
            roles=ADMIN,
            body=articles.NewArticle(),
            answer=articles.Article(),
            status=201,
            is_tagged=True,
        ),
        Route(
            name="list_articles",
            method="GET",
            path="/knowledge",
            summary="List articles, newest first.",
            roles=STAFF,
            query=lists.PageQuery(),
            answer=articles.ArticlePage(),
        ),
        Route(
            name="get_article",
            method="GET",
            path="/knowledge/{id}",
            summary="Show an article.",
            roles=STAFF,
            answer=articles.Article(),
            is_tagged=True,
        ),
        Route(
            name="update_article",
            method="PATCH",
            path="/knowledge/{id}",
            summary="Change an article.",
            roles=ADMIN,
            body=articles.ArticleUpdate(),
            answer=articles.Article(),
            is_tagged=True,
        ),
        Route(
            name="delete_article",
            method="DELETE",
            path="/knowledge/{id}",
            summary="Delete an article.",
            roles=ADMIN,
            answer=None,
        ),
        Route(
            name="import_articles",
            method="POST",
            path="/knowledge/import",
            summary="Add or change articles that were exported, by their ids.",
            roles=ADMIN,
            body=articles.ArticleImport(),
            answer=articles.Imported(),
        ),
        Route(
            name="list_article_drafts",
            method="GET",
            path="/knowledge/{id}/drafts",
            summary="List the newest drafts that were made from an article.",
            roles=STAFF,
            query=articles.DraftQuery(),
            answer=articles.DraftList(),
        ),
        Route(
            name="create_canned_reply",
            method="POST",
            path="/canned-replies",
            summary="Create a canned reply.",
            roles=ADMIN,
            body=articles.NewCannedReply(),
            answer=articles.CannedReply(),
            status=201,
            is_tagged=True,
        ),
        Route(
            name="list_canned_replies",
            method="GET",
            path="/canned-replies",
            summary="List canned replies, newest first.",
            roles=STAFF,
            query=lists.PageQuery(),
            answer=articles.CannedReplyPage(),
        ),
        Route(
            name="get_canned_reply",
            method="GET",
            path="/canned-replies/{id}",
            summary="Show a canned reply.",
            roles=STAFF,
            answer=articles.CannedReply(),
            is_tagged=True,
        ),
        Route(
            name="update_canned_reply",
            method="PATCH",
            path="/canned-replies/{id}",
            summary="Change a canned reply.",
            roles=ADMIN,
            body=articles.CannedReplyUpdate(),
            answer=articles.CannedReply(),
            is_tagged=True,
        ),
        Route(
            name="delete_canned_reply",
            method="DELETE",
            path="/canned-replies/{id}",
            summary="Delete a canned reply.",
            roles=ADMIN,
            answer=None,
        ),
        Route(
            name="import_canned_replies",
            method="POST",
            path="/canned-replies/import",
            summary="Add or change canned replies that were exported, by their ids.",
            roles=ADMIN,
            body=articles.ReplyImport(),
            answer=articles.Imported(),
        ),
        Route(
            name="get_settings",
            method="GET",
            path="/settings",
            summary="Show the settings of the account.",
            roles=ADMIN,
            answer=settings.AccountSettings(),
            is_tagged=True,
        ),
        Route(
            name="update_settings",
            method="PATCH",
            path="/settings",
            summary="Change settings of the account.",
            roles=ADMIN,
            body=settings.SettingsUpdate(),
            answer=settings.AccountSettings(),
            is_tagged=True,
        ),
        Route(
            name="get_oidc",
            method="GET",
            path="/settings/oidc",
            summary="Show the identity provider at which the staff of the account sign in.",
            roles=ADMIN,
            answer=oidc.OidcProvider(),
            is_tagged=True,
        ),
        Route(
            name="put_oidc",
            method="PUT",
            path="/settings/oidc",
            summary="Set the identity provider at which the staff of the account sign in.",
            roles=ADMIN,
            body=oidc.NewOidcProvider(),
            answer=oidc.OidcProvider(),
            is_tagged=True,
        ),
        Route(
            name="remove_oidc",
            method="DELETE",
            path="/settings/oidc",
            summary="Remove the identity provider. Sessions that exist go on until they end.",
            roles=ADMIN,
            answer=None,
        ),
        Route(
            name="list_sessions",
            method="GET",
            path="/sessions",
            summary="List the sessions of staff that have not ended, newest first: own ones, for admins those of all.",
            roles=STAFF,
            query=sessions.SessionQuery(),
            answer=sessions.SessionPage(),
        ),
        Route(
            name="revoke_session",
            method="DELETE",
            path="/sessions/{id}",
            summary="End a session of staff: its browser is signed out within a second.",
            roles=STAFF,
            answer=None,
        ),
        Route(
            name="create_signing_key",
            method="POST",
            path="/signing-keys",
            summary="Add a signing key. A secret that is made is in this answer only.",
            roles=ADMIN,
            body=signing_keys.NewSigningKey(),
            answer=signing_keys.SigningKeyWithSecret(),
            status=201,
        ),
        Route(
            name="list_signing_keys",
            method="GET",
            path="/signing-keys",
            summary="List the signing keys, also revoked ones.",
            roles=ADMIN,
            answer=signing_keys.SigningKeyList(),
        ),
        Route(
            name="revoke_signing_key",
            method="DELETE",
            path="/signing-keys/{kid:text}",
            summary="Revoke a signing key. Its tokens are refused within a second.",
            roles=ADMIN,
            answer=signing_keys.SigningKey(),
        ),
        Route(
            name="create_webhook",
            method="POST",
            path="/webhooks",
            summary="Create a webhook. Its secret is in this answer only.",
            roles=ADMIN,
            body=webhooks.NewWebhook(),
            answer=webhooks.WebhookWithSecret(),
            status=201,
        ),
        Route(
            name="list_webhooks",
            method="GET",
            path="/webhooks",
            summary="List webhooks, oldest first, also disabled ones.",
            roles=ADMIN,
            query=lists.PageQuery(),
            answer=webhooks.WebhookPage(),
        ),
        Route(
            name="get_webhook",
            method="GET",
            path="/webhooks/{id}",
            summary="Show a webhook.",
            roles=ADMIN,
            answer=webhooks.Webhook(),
            is_tagged=True,
        ),
        Route(
            name="update_webhook",
            method="PATCH",
            path="/webhooks/{id}",
            summary="Change, disable or enable a webhook. It continues where it was disabled.",
            roles=ADMIN,
            body=webhooks.WebhookChanges(),
            answer=webhooks.Webhook(),
            is_tagged=True,
        ),
        Route(
            name="get_webhook_state",
            method="GET",
            path="/webhooks/{id}/state",
            summary="Show how far the deliveries of a webhook are.",
            roles=ADMIN,
            answer=webhooks.WebhookState(),
        ),
        Route(
            name="rotate_webhook_secret",
            method="POST",
            path="/webhooks/{id}/rotate",
            summary="Replace the secret of a webhook. The old one signs as well for a day.",
            roles=ADMIN,
            answer=webhooks.WebhookSecret(),
        ),
        Route(
            name="test_webhook",
            method="POST",
            path="/webhooks/{id}/test",
            summary="Send the event `test`, with the number 0. Its result is in the log of deliveries.",
            roles=ADMIN,
            answer=webhooks.Queued(),
            status=202,
        ),
        Route(
            name="list_webhook_deliveries",
            method="GET",
            path="/webhooks/{id}/deliveries",
            summary="List the deliveries of a webhook, newest event first.",
            roles=ADMIN,
            query=webhooks.DeliveryQuery(),
            answer=webhooks.DeliveryPage(),
        ),
        Route(
            name="replay_webhook_delivery",
            method="POST",
            path="/webhooks/{id}/deliveries/{number:text}/replay",
            summary="Deliver an event again.",
            roles=ADMIN,
            answer=webhooks.Queued(),
            status=202,
        ),
        Route(
            name="replay_webhook",
            method="POST",
            path="/webhooks/{id}/replay",
            summary="Deliver events again: those after a number, or those that were set aside.",
            roles=ADMIN,
            body=webhooks.Replay(),
            answer=webhooks.Queued(),
            status=202,
        ),
        Route(
            name="list_audit_entries",
            method="GET",
            path="/audit",
            summary="List changes of people, keys and settings, newest first.",
            roles=ADMIN,
            query=audit.AuditQuery(),
            answer=audit.AuditPage(),
        ),
        Route(
            name="list_conversations",
            method="GET",
            path="/conversations",
            summary="List conversations, newest activity first.",
            roles=STAFF,
            query=conversations.ConversationQuery(),
            answer=conversations.ConversationList(),
        ),
        Route(
            name="create_conversation",
            method="POST",
            path="/conversations",
            summary="Open a conversation as a contact, with its first message. For API keys and admins.",
            roles=ANSWERING,
            body=conversations.NewConversation(),
            answer=conversations.StartedConversation(),
            status=201,
        ),
        Route(
            name="get_conversation",
            method="GET",
            path="/conversations/{id}",
            summary="Show a conversation.",
            roles=STAFF,
            answer=conversations.Conversation(),
            is_tagged=True,
        ),
        Route(
            name="update_conversation",
            method="PATCH",
            path="/conversations/{id}",
            summary="Change the status, the priority or the assignment of a conversation.",
            roles=ANSWERING,
            body=conversations.ConversationChange(),
            answer=conversations.Conversation(),
            is_tagged=True,
        ),
        Route(
            name="list_messages",
            method="GET",
            path="/conversations/{id}/messages",
            summary="List messages by ascending `seq`: the last ones, or those before or after a `seq`.",
            roles=STAFF,
            query=requests.MessageRange(),
            answer=messages.MessageList(),
        ),
        Route(
            name="send_message",
            method="POST",
            path="/conversations/{id}/messages",
            summary="Send a message as an agent, as the contact or as the system.",
            roles=ANSWERING,
            body=messages.NewMessage(),
            answer=messages.Message(),
            status=201,
        ),
        Route(
            name="list_conversation_events",
            method="GET",
            path="/conversations/{id}/events",
            summary="List the changes of a conversation, newest first.",
            roles=STAFF,
            query=lists.PageQuery(),
            answer=conversations.LogPage(),
        ),
        Route(
            name="list_presence",
            method="GET",
            path="/presence",
            summary="List agents with their presence, newest agents first.",
            roles=STAFF,
            query=lists.PageQuery(),
            answer=presence.PresencePage(),
        ),
        Route(
            name="create_token",
            method="POST",
            path="/tokens",
            summary="Issue a token for a contact or a user, with which a socket authenticates.",
            roles=ADMIN,
            body=tokens.NewToken(),
            answer=tokens.Token(),
            status=201,
        ),
        Route(
            name="get_me",
            method="GET",
            path="/me",
            summary="Show the API key or the user of this request.",
            roles=STAFF,
            answer=tokens.Caller(),
        ),
        Route(
            name="get_feed",
            method="GET",
            path="/feed",
            summary="Read the next changes of the account after a number, as soon as there are any.",
            roles=STAFF,
            query=feed.FeedQuery(),
            answer=feed.FeedPage(),
        ),
    )
}
