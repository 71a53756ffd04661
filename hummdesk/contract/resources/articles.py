"""Knowledge articles and canned replies, from which drafts are made."""

from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, BoundedList, Id, Integer, Language, ListOf, Text, Time
from hummdesk.contract.requests import Payload, Update

MAX_TITLE = 200
MAX_BODY = 20_000
MAX_QUESTION = 500
MAX_QUESTIONS = 50
MAX_IMPORTED = 100
MAX_DRAFTS = 100


def _questions(**options: Any) -> BoundedList:
    return BoundedList(Text(shortest=1, longest=MAX_QUESTION), most=MAX_QUESTIONS, **options)


class NewCannedReply(Payload):
    title = Text(required=True, shortest=1, longest=MAX_TITLE)
    body = Text(required=True, shortest=1, longest=MAX_BODY)
    language = Language()


class NewArticle(NewCannedReply):
    """`questions` are those that the article answers."""

    questions = _questions()


class CannedReplyUpdate(Update):
    title = Text(shortest=1, longest=MAX_TITLE)
    body = Text(shortest=1, longest=MAX_BODY)
    language = Language()


class ArticleUpdate(CannedReplyUpdate):
    questions = _questions()


class ImportedReply(NewCannedReply):
    """A reply as it was exported; one without `id` is new. An id that is not a UUID always maps to the same one."""

    id = Text(shortest=1, longest=MAX_TITLE)


class ImportedArticle(NewArticle):
    """An article as it was exported; one without `id` is new. An id that is not a UUID always maps to the same one."""

    id = Text(shortest=1, longest=MAX_TITLE)


class ReplyImport(Payload):
    cannedReplies = BoundedList(fields.Nested(ImportedReply), most=MAX_IMPORTED, required=True)


class ArticleImport(Payload):
    articles = BoundedList(fields.Nested(ImportedArticle), most=MAX_IMPORTED, required=True)


class Imported(Schema):
    """`changed` were added or changed; others were there as they are."""

    changed = Integer(required=True, least=0, most=MAX_IMPORTED)


class CannedReply(Schema):
    id = Id(required=True)
    title = AnyText(required=True)
    body = AnyText(required=True)
    language = AnyText()
    createdAt = Time(required=True)


class Article(CannedReply):
    questions = ListOf(AnyText(), required=True)


class CannedReplyPage(Schema):
    cannedReplies = ListOf(fields.Nested(CannedReply), required=True)
    nextCursor = AnyText()


class ArticlePage(Schema):
    articles = ListOf(fields.Nested(Article), required=True)
    nextCursor = AnyText()


class DraftQuery(Payload):
    limit = Integer(least=1, most=MAX_DRAFTS, load_default=20)


class DraftOf(Schema):
    """A draft that was made from an article."""

    runId = Id(required=True)
    conversationId = Id(required=True)
    messageId = Id(required=True)
    createdAt = Time(required=True)


class DraftList(Schema):
    """The newest drafts that were made from an article, among the newest 5,000 results of the AI."""

    drafts = ListOf(fields.Nested(DraftOf), required=True)
