"""Every named query reads few rows through an index, with 200,000 messages and under row-level security.

Custom and generic plans are checked: PostgreSQL uses the generic one for a statement that was executed several times.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import aiosql
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.activity import RUN_LIMIT
from hummdesk.storage.conversations import LONGEST_WAIT, SEARCH_LIMIT, STATUSES
from hummdesk.storage.database import GENERIC_PLANS, Database
from hummdesk.storage.messages import MAX_SEQ, NewMessage, Outgoing, recordset
from hummdesk.storage.page_cursor import NEWEST
from hummdesk.storage.queries import SQL
from hummdesk.storage.retention import BY_INDEX
from hummdesk.storage.run_dispatch import KINDS
from hummdesk.storage.search_query import patterns, prefix_query, terms
from tests.integration.storage.conftest import Account

pytestmark = pytest.mark.timeout(180)  # the first test waits for the seed

ACCOUNTS = 4
LONG, SHORT = 20_000, 10
"""Messages in the long conversation of an account, and in each of its 3,000 short ones."""

SEED = """
SET session_replication_role = replica;
CREATE TEMP TABLE given AS SELECT a, md5('account' || a)::uuid AS account_id FROM generate_series(1, 4) AS a;
INSERT INTO accounts SELECT account_id, 'Account ' || a FROM given;
INSERT INTO users (account_id, id, email, name, role)
SELECT account_id, md5(a || 'user' || n)::uuid, n || '@example.com', 'User ' || n, 'agent'
FROM given, generate_series(1, 50) AS n;
INSERT INTO contacts (account_id, id, email, name, external_id)
SELECT account_id, md5(a || 'contact' || n)::uuid, n || '@example.com', 'Contact ' || n, 'external ' || n
FROM given, generate_series(1, 10000) AS n;
INSERT INTO page_visits (account_id, id, contact_id, url, title, visited_at)
SELECT account_id, md5(a || 'visit' || n)::uuid, md5(a || 'contact' || n % 1500 + 1)::uuid,
    'https://shop.example/' || n, 'Shop', now() - n * interval '1 minute'
FROM given, generate_series(1, 15000) AS n;
INSERT INTO teams SELECT account_id, md5(a || 'team' || n)::uuid, 'Team ' || n FROM given, generate_series(1, 5) AS n;
INSERT INTO team_members
SELECT account_id, md5(a || 'team' || n % 5 + 1)::uuid, md5(a || 'user' || n)::uuid
FROM given, generate_series(1, 50) AS n;
INSERT INTO conversations (account_id, id, contact_id, status, assigned_to, client_message_id, last_seq,
    last_public_seq, staff_read_seq, unread_staff, updated_at)
SELECT account_id, md5(a || 'conversation' || n)::uuid, md5(a || 'contact' || n % 1500 + 1)::uuid,
    CASE WHEN n % 10 = 1 THEN 'open' WHEN n % 10 = 2 THEN 'pending' ELSE 'closed' END,
    CASE WHEN n % 3 = 0 THEN md5(a || 'user' || n % 7 + 1)::uuid END, 'c' || n, size, size, size / 2, size / 4,
    now() - n * interval '1 minute'
FROM given, generate_series(0, 3000) AS n, LATERAL (SELECT CASE WHEN n = 0 THEN 20000 ELSE 10 END AS size) AS sizes;
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content,
    content_type, private, client_message_id)
SELECT account_id, md5(id || '/' || seq)::uuid, id, seq,
    CASE WHEN seq % 2 = 1 THEN contact_id ELSE md5(a || 'user' || seq % 50 + 1)::uuid END,
    CASE WHEN seq % 2 = 1 THEN 'customer' ELSE 'agent' END, 'Somebody',
    repeat('What is said. ', 8) || seq || ' topic' || seq % 100, 'text', seq % 10 = 6, 'm' || seq
FROM given JOIN conversations USING (account_id), generate_series(1, last_seq) AS seq;
INSERT INTO message_reads (account_id, conversation_id, reader_id, reader_type, seq)
SELECT account_id, id, md5(a || 'user1')::uuid, 'agent', 5 FROM given JOIN conversations USING (account_id);
INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at,
    announced_at)
SELECT account_id, md5(id || 'run')::uuid, conversation_id, id, seq, 'classification', 'done', 'done', now(), now()
FROM messages WHERE sender_type = 'customer' AND seq < 10000;
UPDATE ai_runs SET announced_at = NULL WHERE id::text < '02';
UPDATE ai_runs SET status = 'running', outcome = NULL, finished_at = NULL, lease_until = now(), attempts = 1
WHERE id::text < '01';
UPDATE ai_runs SET status = 'pending', lease_until = NULL, attempts = 0 WHERE id::text < '008';
UPDATE ai_runs SET published_at = now() WHERE id::text >= '008';
INSERT INTO ai_results SELECT account_id, id, kind, '{}' FROM ai_runs WHERE status = 'done';
INSERT INTO knowledge_articles
SELECT account_id, md5(a || 'article' || n)::uuid, 'Title', 'Body' FROM given, generate_series(1, 50) AS n;
INSERT INTO canned_replies
SELECT account_id, md5(a || 'reply' || n)::uuid, 'Title', 'Content' FROM given, generate_series(1, 50) AS n;
INSERT INTO knowledge_passages (account_id, id, article_id, model, embedding)
SELECT account_id, md5(a || 'passage' || n)::uuid, md5(a || 'article' || n % 50 + 1)::uuid, 'm',
    ARRAY[sin(n), cos(n), 0]::vector
FROM given, generate_series(1, 1000) AS n;
INSERT INTO past_answers (account_id, message_id, conversation_id, seq, learned_at, question, answer, indexed_as)
SELECT account_id, id, conversation_id, seq, now(), CASE WHEN seq < 10000 AND seq % 100 = 2 THEN 'Question' END,
    CASE WHEN seq < 10000 AND seq % 100 = 2 THEN 'Answer' END, 'm'
FROM messages WHERE sender_type = 'agent' AND NOT private;
UPDATE past_answers SET learned_at = NULL, question = NULL, answer = NULL WHERE message_id::text < '002';
UPDATE conversations SET waiting_since = updated_at WHERE status = 'open';
UPDATE conversations SET snoozed_until = now() WHERE status = 'pending';
INSERT INTO routing_settings (account_id, mode) SELECT account_id, 'least_loaded' FROM given;
INSERT INTO routing_positions SELECT account_id, 20000 FROM given;
INSERT INTO routing_records (account_id, number, decided_at, snapshot, choices)
SELECT account_id, n, now() - (20000 - n) * interval '5 minutes', '{}', '[]'
FROM given, generate_series(1, 20000, 10) AS n;
INSERT INTO routing_decisions (account_id, number, record_number, conversation_id, agent_id, rule, event_id, weight,
    capacity)
SELECT account_id, n, n - (n - 1) % 10, md5(a || 'conversation' || n % 3000)::uuid,
    md5(a || 'user' || n % 50 + 1)::uuid, 'routing', md5(a || 'decision' || n)::uuid, 1, 3
FROM given, generate_series(1, 20000) AS n;
INSERT INTO audit_log (account_id, id, actor_type, action, subject_id)
SELECT account_id, md5(a || 'entry' || n)::uuid, 'system', 'key.created', n FROM given, generate_series(1, 5000) AS n;
INSERT INTO ai_calls (account_id, id, run_id, provider, model, prompt, outcome, fallback, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, milliseconds, created_at)
SELECT account_id, md5(a || 'call' || n)::uuid, CASE WHEN n % 2 = 0 THEN md5(a || 'run of call' || n)::uuid END,
    'openai', 'm', 'p', 'ok', false, 1, 0, 0, 1, 1, now() - n * interval '1 minute'
FROM given, generate_series(1, 5000) AS n;
INSERT INTO ai_usage (account_id, day, tokens)
SELECT account_id, current_date - n, 1 FROM given, generate_series(0, 2000) AS n;
INSERT INTO idempotency_keys (account_id, id, request_hash, new_id, created_at)
SELECT account_id, md5(a || 'request' || n)::uuid, '', md5(a || 'new' || n)::uuid, now() - n * interval '1 minute'
FROM given, generate_series(1, 5000) AS n;
INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type)
SELECT account_id, id, md5(id || 'event')::uuid, 'priority_changed', 'system' FROM conversations;
INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_type, details, created_at)
SELECT account_id, id, md5(id || kind)::uuid, kind, 'system', details::jsonb, updated_at + after
FROM conversations, (VALUES ('created', '{}', interval '0'), ('assigned', '{}', '1 minute'),
    ('draft_used', '{}', '2 minutes'), ('status_changed', '{"from": "open", "to": "closed"}', '3 minutes')
) AS logged (kind, details, after);
INSERT INTO conversation_ratings (account_id, conversation_id, closing_id, rating, rated_at)
SELECT account_id, id, id, 5, updated_at FROM conversations;
INSERT INTO files (account_id, id, conversation_id, uploader_id, uploader_type, name, size, received, chunks, state,
    content_type, link_key, attached_at, expires_at, scan_at)
SELECT account_id, md5(a || 'file' || n)::uuid, md5(a || 'conversation' || n % 3000)::uuid,
    md5(a || 'user' || n % 50 + 1)::uuid, 'agent', 'f', 10, CASE WHEN n % 500 = 1 THEN 0 ELSE 10 END, '{0}',
    CASE n % 500 WHEN 1 THEN 'uploading' WHEN 2 THEN 'scanning' ELSE 'ready' END, 'image/png', '',
    CASE WHEN n % 500 > 2 THEN now() END, CASE WHEN n % 500 <= 2 THEN now() + n * interval '1 second' END, now()
FROM given, generate_series(1, 10000) AS n;
INSERT INTO user_photos SELECT account_id, id, 'v', '1' FROM users;
INSERT INTO saved_views (account_id, id, owner_id, name, filter)
SELECT account_id, md5(a || 'view' || n)::uuid, CASE WHEN n % 2 = 1 THEN md5(a || 'user7')::uuid END, 'View ' || n,
    jsonb_build_object('status', CASE WHEN n % 3 = 0 THEN 'pending' ELSE 'open' END, 'mine', n % 5 = 0)
FROM given, generate_series(1, 200) AS n;
INSERT INTO file_usage (account_id, bytes) SELECT account_id, 100000 FROM given;
INSERT INTO file_deletions (account_id, file_id, conversation_id, due_at)
SELECT account_id, md5(a || 'gone' || n)::uuid, md5(a || 'conversation' || n)::uuid, now() - n * interval '1 second'
FROM given, generate_series(1, 2000) AS n;
INSERT INTO queue_moves (account_id, queue_id, at, queued_since)
SELECT account_id, account_id, now() - n * interval '7 s', now() FROM given, generate_series(1, 5000) AS n;
INSERT INTO feed_positions (account_id, last_number) SELECT account_id, 50000 FROM given;
INSERT INTO feed_events (account_id, number, type, at, conversation_id, subject_id, digest)
SELECT account_id, row_number() OVER (PARTITION BY account_id ORDER BY seq), 'new_message', created_at, conversation_id,
    id, ''
FROM messages;
INSERT INTO webhooks (account_id, id, url, events, secret, last_number, leased_by, lease_until)
SELECT account_id, md5(a || 'webhook' || n)::uuid, 'https://hooks.example/', '{*}', '', 49000,
    CASE WHEN n = 1 THEN md5('relay')::uuid END, CASE WHEN n = 1 THEN now() END
FROM given, generate_series(1, 3) AS n;
INSERT INTO webhook_deliveries (account_id, webhook_id, number, type, conversation_id, ordering_key, status, give_up_at,
    finished_at)
SELECT account_id, md5(a || 'webhook1')::uuid, number, type, conversation_id, conversation_id,
    CASE WHEN number > 49900 THEN 'pending' WHEN number % 100 = 0 THEN 'set_aside' ELSE 'delivered' END, now(),
    CASE WHEN number <= 49900 THEN now() - (50000 - number) * interval '1 minute' END
FROM given JOIN feed_events USING (account_id)
WHERE number > 30000;
INSERT INTO ai_simulations (account_id, id, since, max_conversations, max_dollars, status, finished_at, due_at)
SELECT account_id, md5(a || 'simulation' || n)::uuid, now(), 1000, 1, CASE WHEN n > 1 THEN 'done' ELSE 'running' END,
    CASE WHEN n > 1 THEN now() END, CASE WHEN n = 1 THEN now() END
FROM given, generate_series(1, 3) AS n;
INSERT INTO ai_simulated_drafts (account_id, simulation_id, message_id, conversation_id, reply_seq, is_first, category,
    outcome, confidence)
SELECT account_id, md5(a || 'simulation' || n)::uuid, messages.id, conversation_id, 2, true, 'billing',
    CASE WHEN n > 1 THEN 'abstained' END, 0.5
FROM given JOIN messages USING (account_id), generate_series(1, 3) AS n WHERE seq = 1;
INSERT INTO automatic_answers (account_id, is_enabled, categories) SELECT account_id, true, '{}' FROM given;
INSERT INTO automatic_conversations (account_id, conversation_id, category, answers, first_at, last_seq)
SELECT account_id, id, 'billing', 1, updated_at, 2 FROM conversations;
INSERT INTO unanswered_topics (account_id, simulation_id, number, questions, message_ids)
SELECT account_id, md5(a || 'simulation2')::uuid, n, 5, ARRAY[md5(md5(a || 'conversation' || n) || '/1')::uuid]
FROM given, generate_series(1, 500) AS n;
INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at,
    announced_at, published_at, created_at)
SELECT account_id, md5(id || 'draft')::uuid, conversation_id, id, seq, 'draft', 'done', 'done', now(), now(), now(),
    now() - interval '1 second' * row_number() OVER (PARTITION BY account_id)
FROM messages WHERE sender_type = 'customer' AND seq < 1000;
INSERT INTO ai_results SELECT account_id, id, kind, '{}' FROM ai_runs WHERE kind = 'draft';
INSERT INTO draft_views (account_id, run_id) SELECT account_id, id FROM ai_runs WHERE kind = 'draft';
SET session_replication_role = origin;
"""

INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid)
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND NOT indisunique
"""
"""To be made after the seed: an index of filled tables takes less time than one that is filled with them."""

SMALL_TABLES = {"accounts", "ai_corrections", "users", "teams", "team_members", "knowledge_articles", "canned_replies"}
SMALL_TABLES |= {"outbox", "erasures", "labels", "signing_keys", "api_keys", "sign_in_links", "staff_sessions"}
SMALL_TABLES |= {"business_hours", "oidc_providers", "oidc_identities", "sign_in_names", "own_categories"}
SMALL_TABLES |= {"feed_changes", "feed_positions", "webhooks"}
SMALL_TABLES |= {"file_usage", "user_photos", "saved_views", "ai_simulations", "automatic_answers"}
SMALL_TABLES |= {"routing_settings", "routing_teams", "routing_positions"}
"""Tables with few rows for each account, all of which a request may read. Entries of the outbox, and changes without a
number, stay for seconds."""


def md5(text: str) -> UUID:
    """The id that the seed derives from a text."""
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def run_between(low: str, high: str) -> UUID:
    """A run with an id in this range, which decides its state in the seed."""
    messages = (md5(f"{md5(f'2conversation{n}')}/1") for n in range(1, 3000))
    return next(run for run in (md5(f"{message}run") for message in messages) if low < str(run) < high)


ACCOUNT = md5("account2")
BUSY = md5("2conversation0")
"""The long conversation."""
AGENT, CONTACT = md5("2user7"), md5("2contact1")
PENDING, RUNNING, SILENT, DONE = (run_between(*ids) for ids in (("0", "008"), ("008", "01"), ("01", "02"), ("02", "1")))
LIST = {"before_at": NEWEST[0], "before_id": NEWEST[1], "limit": 51}
VIEW = {"window": 100, "max_bytes": 10**6}
IN_BUSY = {"conversation_id": BUSY}
PASSED = {"conversation_ids": [BUSY, md5("2conversation1")]}
LAST = {"before_id": NEWEST[1], "limit": 51}
CONTACT_VALUES = {"name": "New", "avatar_url": None, "attributes": Jsonb({})}
MOVED = {
    "conversation_ids": [md5("2conversation7")],
    "visitor_id": md5("2contact8"),
    "contact_id": md5("2contact8"),
}
DEEP = LIST | {"before_at": datetime.now(UTC).replace(hour=0)}
EVER = {"since": UUID(32 * "0"), "until": UUID(32 * "f")}
FILTERS: dict[str, Any] = {"agent_id": None, "unassigned": False, "team_id": None, "priority": None, "label_id": None}
WAITING_FILTERS = FILTERS | {"is_snoozed": None, "category": None, "recent": 10}
FILTERS = WAITING_FILTERS | {"since": None}
FOUND = {"search_limit": SEARCH_LIMIT, "contact_id": None, "sender": None, "marks_end": True} | FILTERS
PASSAGES = json.dumps([{"id": str(new_id()), "article_id": str(md5("2article1")), "vector": "[1,0,0]"}])
NEW_SESSION = {"id": new_id(), "user_id": AGENT, "secret_hash": b"new", "signed_in_by": "link", "hours": 1.0} | {
    "user_agent": "Firefox",
    "network": "192.0.2.1",
}
EVENT = {"actor_id": AGENT, "actor_type": "agent", "event_id": new_id()}
RATING = {"conversation_id": BUSY, "rating": 5, "comment": None, "actor_id": CONTACT, "event_id": new_id()}
REPLY = md5(f"{BUSY}/19900")
MERGE = {"target_id": md5("2conversation7"), "old_status": "open"}
MERGE |= {"status_event_id": new_id(), "target_event_id": new_id()}
CHANGE = {"message_id": REPLY, "sender_id": AGENT, "content": "New", "content_type": "text", "revision": 1}
FILE = md5("2file7")
NEW_FILE: dict[str, Any] = {"id": new_id(), "uploader_id": AGENT, "uploader_type": "agent", "is_staff": True}
NEW_FILE |= {"name": "f", "size": 1, "link_key": b"", "hours": 1.0}
OF_FILE = {"account_id": ACCOUNT, "file_id": md5("2gone7")}
NIGHT = datetime.now(UTC) - timedelta(hours=12)
PAGE_VISIT = {"id": new_id(), "url": "https://shop.example/", "title": "Shop"}
REPORT: dict[str, Any] = {"since": NIGHT, "until": NIGHT + timedelta(hours=1), "time_zone": "UTC"}
REPORT |= {"team_id": None, "agent_id": None}
MOVE = EVENT | {"note_id": None}
AUDITED: dict[str, object] = {
    "id": new_id(),
    "actor_id": None,
    "actor_type": "system",
    "action": "key.created",
    "subject_id": "s",
}
AUDITED |= {"details": Jsonb({})}
HOOK = md5("2webhook1")
OF_HOOK = {"account_id": ACCOUNT, "webhook_id": HOOK}
ATTEMPTED = json.dumps([{"number": 49_950, "status": "delivered", "attempts": 1}])
RETRIES = {"retry_seconds": 3600.0, "late_seconds": 60.0}
NEW_WEBHOOK = {"id": new_id(), "url": "https://hooks.example/", "events": ["*"], "secret": b"", "last_number": 0}
NEW_WEBHOOK |= {"created_by": None}
STAFF = Person(account_id=ACCOUNT, id=AGENT, email="a@example.com", name="User", role="agent")
CUSTOMER = Person(account_id=ACCOUNT, id=CONTACT, email="c@example.com", name="Contact", role="customer")


def items(sender: Person, *conversations: UUID, **more: Any) -> dict[str, Any]:
    """The parameter of `write` for a message in each of these conversations."""
    sends = (NewMessage(conversation_id=one, content="Hello", **more) for one in conversations)
    return {"items": recordset([Outgoing.of(sender, send) for send in sends])}


def attempt_results(run_id: UUID) -> dict[str, Any]:
    """The parameters of `settle` for a done classification run."""
    record = {"account_id": str(ACCOUNT), "run_id": str(run_id), "attempt": 1, "status": "done", "outcome": "done"}
    record |= {"delay": 0.0, "payload": {}, "priority": "urgent", "event_id": str(new_id()), "draft_id": str(new_id())}
    return {"results": json.dumps([record]), "quiet_seconds": 2.0}


AGENTS = [md5(f"2user{n}") for n in range(1, 8)]
TOPICS = json.dumps([{"number": 0, "questions": 1, "message_ids": [str(BUSY)]}])
SIMULATED = md5("2simulation1")
SECONDS = {"skills_wait_seconds": 60, "answer_seconds": 0, "offline_seconds": 30}
QUEUES = json.dumps([{"team_id": None, "after_rank": -1, "after_since": "-infinity", "after_id": str(UUID(int=0))}])
CHOICES = json.dumps(
    [
        {"number": 20_001 + n, "conversation_id": str(md5(f"2conversation{n}")), "agent_id": str(AGENT)}
        | {"rule": "routing", "mode": "least_loaded", "capacity": 100, "weight": 1, "event_id": str(new_id())}
        for n in (1, 11)
    ]
)
OLD = {"after": UUID(int=0), "accounts": 10, "limit": 100}
OLD_ROWS: dict[str, dict[str, Any]] = {
    **{f"prune_{what}": {"before_id": UUID("04" + 30 * "0")} for what in ("runs", "answers", "audit")},
    **{f"prune_{what}": {"before": NIGHT} for what in ("calls", "usage", "requests", "pages")},
}
OPEN = 1_000
"""More than the runs in the seed whose events are unpublished: the relay reads those only."""

KEPT = 3_100
"""Searchable past answers of an account: one of every short conversation in the seed."""

CASES: list[tuple[str, dict[str, Any], int]] = [
    # query, parameters, rows that may be touched in big tables
    ("conversations.check", {"conversation_id": BUSY, "contact_id": None}, 1),
    ("conversations.visible", {"ids": [md5(f"2conversation{n}") for n in range(100)], "contact_id": None}, 100),
    ("conversations.lock", {"conversation_id": BUSY, "contact_id": CONTACT}, 2),
    ("conversations.view", {"ids": [BUSY], "contact_id": None, "reader_id": None, **VIEW}, 3),
    ("conversations.view", {"ids": [BUSY], "contact_id": None, "reader_id": AGENT, **VIEW}, 104),
    (
        "conversations.view",
        {"ids": [md5(f"2conversation{n}") for n in range(100)], "contact_id": None, "reader_id": None, **VIEW},
        300,
    ),
    (
        "conversations.view",
        {"ids": [md5(f"2conversation{n}") for n in range(100)], "contact_id": None, "reader_id": AGENT, **VIEW},
        1_000,
    ),
    ("conversations.page_of_account", {"statuses": list(STATUSES), **LIST}, 3 * 51),
    ("conversations.page_of_account", {"statuses": ["closed"], **DEEP}, 51),
    ("conversations.page_of_agent", {"agent_id": AGENT, "statuses": ["open"], **LIST}, 51),
    ("conversations.page_of_agent", {"agent_id": AGENT, "statuses": list(STATUSES), **LIST}, 3 * 51),
    ("conversations.page_of_unassigned", {"statuses": ["open"], **LIST}, 80),
    ("conversations.page_of_unassigned", {"statuses": list(STATUSES), **LIST}, 3 * 80),
    (
        "conversations.page_of_found",
        {"words": "'sai':*", "parts": ["%sai%"], "terms": [], "statuses": list(STATUSES), **FOUND, **LIST},
        500,
    ),
    ("conversations.page_of_sender", FOUND | {"sender": "%ct 777%", "statuses": list(STATUSES), **LIST}, 500),
    (
        "conversations.page_of_contact",
        {"contact_id": CONTACT, **FILTERS, "statuses": ["open"], **LIST},
        51,
    ),
    (
        "conversations.start",
        {"id": new_id(), "contact_id": CONTACT, "subject": None, "metadata": Jsonb({}), "client_message_id": "new"}
        | EVENT,
        0,
    ),
    ("conversations.started", {"id": new_id(), "contact_id": md5("2contact2"), "client_message_id": "c1"}, 70),
    ("conversations.events", {**IN_BUSY, **LIST}, 70),
    (
        "conversations.page_of_filtered",
        {"statuses": ["open"], "scanned": 500, **FILTERS, "priority": "urgent", **LIST},
        500,
    ),
    ("conversations.change_status", {"conversation_id": BUSY, "status": "pending", "reason": None, **EVENT}, 2),
    (
        "conversations.page_of_filtered",
        {"statuses": ["open"], "scanned": 500, **FILTERS, "label_id": md5("2label1"), **LIST},
        500,
    ),
    ("conversations.change_labels", IN_BUSY | {"added": [md5("2label1")], "removed": [], **EVENT}, 2),
    (
        "conversations.page_of_waiting",
        {"contact_id": None, **WAITING_FILTERS, "statuses": ["open"], "scanned": 200, "limit": 51}
        | {"after_at": LONGEST_WAIT[0], "after_id": LONGEST_WAIT[1]},
        300,  # all that wait
    ),
    ("continuations.passed", {"conversation_id": md5("2conversation1"), "contact_id": CONTACT, "limit": 1000}, 2),
    ("continuations.reached", {"conversation_id": md5("2conversation1"), "contact_id": CONTACT}, 2),
    ("continuations.lock", {"conversation_id": md5("2conversation1"), "contact_id": CONTACT, "seconds": 60.0}, 2),
    ("continuations.settle", {"conversation_id": md5("2conversation1"), "ids": [CONTACT]}, 1),
    ("continuations.start", IN_BUSY | {"id": new_id(), "created_event_id": new_id(), **EVENT}, 3),
    ("continuations.lock_for_merge", IN_BUSY, 2),
    ("continuations.merge", IN_BUSY | MERGE | EVENT, 4),
    ("message_changes.find", IN_BUSY | {"message_id": REPLY}, 1),
    ("message_changes.count", IN_BUSY | {"message_id": REPLY, "kind": "message_edited", **EVENT}, 6),
    ("message_changes.change", CHANGE, 0),
    ("message_changes.forget_answer", {"message_id": REPLY}, 2),
    ("message_changes.forget_passages", {"message_id": REPLY}, 0),
    ("message_changes.end_runs", IN_BUSY, OPEN),
    ("message_changes.forget_results", IN_BUSY | {"seq": 19_900}, 500),
    ("message_changes.delete_files", {"conversation_id": md5("2conversation7"), "ids": [FILE]}, 100),
    ("counts.by_kind", {"owners": [AGENT], "views": 100, "limit": 500}, 700),
    ("snoozes.snooze", IN_BUSY | {"until": datetime.now(UTC), "reason": None, **EVENT}, 2),
    ("snoozes.due", {"limit": 20}, 20),
    ("snoozes.wake", {"conversation_ids": [md5(f"2conversation{n}") for n in range(100)]}, 300),
    (
        "conversations.page_of_filtered",
        {"statuses": ["open"], "scanned": 500, **FILTERS, "category": "refund", **LIST},
        500,
    ),
    ("saved_views.add", {"id": new_id(), "owner_id": AGENT, "name": "New", "filter": Jsonb({})}, 0),
    ("saved_views.views", {"owner_id": AGENT, "limit": 150}, 0),
    ("saved_views.scanned", {"owners": [AGENT], "limit": 20}, 0),
    ("saved_views.count", {"owner_id": AGENT}, 0),
    ("saved_views.known", {"user_id": AGENT, "team_id": md5("2team1"), "label_id": md5("2label1")}, 0),
    ("labels.add", {"id": new_id(), "name": "New", "color": "#0b5f59"}, 0),
    ("labels.id_of", {"name": "New"}, 0),
    ("labels.labels", {"limit": 500}, 0),
    ("labels.page", LAST | {"active": None}, 0),
    ("labels.active", {"ids": [md5("2label1")]}, 0),
    ("labels.count", {}, 0),
    ("moves.agent", {"agent_id": AGENT}, 0),
    ("moves.team", {"agent_id": AGENT, "team_id": md5("2team1")}, 0),
    ("moves.lock", IN_BUSY, 2),
    ("moves.move", IN_BUSY | {"agent_id": AGENT, "team_id": None, "rule": "claim", "reason": None, **MOVE}, 2),
    ("moves.logged", {"conversation_ids": [BUSY], "ids": [md5(f"{BUSY}event")]}, 1),
    ("moves.lines", IN_BUSY | {"only_moves": False, "since": LONGEST_WAIT[0], "before_seq": 19_000, "limit": 50}, 51),
    ("moves.names", {"ids": [AGENT, md5("2team1")]}, 0),
    ("moves.lock_teams", {"team_ids": [md5("2team1")]}, 0),
    ("moves.deserted", {"team_ids": [md5("2team1")]}, 0),
    ("moves.leave_team", {"team_id": md5("2team1"), "actor_id": None, "actor_type": "system", "limit": 100}, 200),
    ("conversations.set_priority", {"conversation_id": BUSY, "priority": "high", **EVENT}, 2),
    ("messages.write", items(CUSTOMER, BUSY, client_message_id="new"), 6),
    ("messages.write", items(STAFF, BUSY, based_on_seq=19_000), 6),
    ("messages.write", items(CUSTOMER, BUSY, client_message_id="m1"), 4),
    ("messages.write", items(STAFF, *(md5(f"2conversation{n}") for n in range(100)), based_on_seq=5), 600),
    ("messages.sent_before", {"sender_id": CONTACT, "client_message_id": "m1", "id": new_id(), **PASSED}, 2),
    ("messages.sent_before", {"sender_id": CONTACT, "client_message_id": None, "id": md5(f"{BUSY}/9"), **PASSED}, 1),
    ("messages.last_of_customer", IN_BUSY, 2),
    ("messages.lock_sends", {"milliseconds": "1000", "conversation_id": md5("2conversation1")}, 0),
    ("messages.merge_pending_words", {}, 0),
    (
        "messages.page_after",
        {"after_seq": 9_000, "before_seq": MAX_SEQ, "with_private": True, "limit": 501, "max_bytes": 10**6, **IN_BUSY},
        501,
    ),
    (
        "messages.page_before",
        {"before_seq": 15_000, "with_private": False, "limit": 51, "max_bytes": 10**6, **IN_BUSY},
        60,
    ),
    (
        "messages.missed",
        {"after_seq": 9_000, "before_seq": MAX_SEQ, "with_private": True, "limit": 500, "max_bytes": 10**6, **IN_BUSY},
        501,
    ),
    (
        "messages.changed_after",
        {"revision": 1, "up_to_seq": 9_000, "with_private": True, "limit": 501, "max_bytes": 10**6, **IN_BUSY},
        1,
    ),
    ("reads.target", {"conversation_id": BUSY, "message_id": md5(f"{BUSY}/9"), "customer": True}, 1),
    ("reads.unread", {"conversation_id": BUSY, "reader_id": AGENT, "customer": False, "up_to_seq": 20_000}, 4),
    ("reads.advance", {"conversation_id": BUSY, "reader_id": AGENT, "reader_type": "agent", "seq": 19_990}, 0),
    ("reads.own_unread", {"reader_id": AGENT, "window": 100, **IN_BUSY}, 102),
    ("reads.last_asked", {"before_seq": 20_000, **IN_BUSY}, 2),
    ("reads.put_back", {"reader_id": AGENT, "unread_after": 3, **IN_BUSY}, 1),
    ("reads.readers", {"limit": 500, **IN_BUSY}, 1),
    ("reads.lower_staff", {"conversation_id": BUSY, "seq": 19_990}, 11),
    ("reads.lower_customer", {"conversation_id": BUSY, "seq": 19_990}, 11),
    ("reads.positions", {"conversation_id": BUSY, "limit": 500}, 1),
    ("people.find_people", {"person_ids": [AGENT, CONTACT]}, 1),
    ("people.not_answering", {"person_ids": [AGENT, CONTACT]}, 0),
    ("people.colleagues", {"limit": 11_112}, 0),
    ("people.colleagues_before", LAST, 0),
    ("people.seen", {"user_id": AGENT}, 0),
    (
        "corrections.correct",
        {"conversation_id": BUSY, "message_id": md5(f"{BUSY}/9"), "category": "sales", "priority": "low"}
        | {"actor_id": AGENT, "event_id": new_id()},
        1,
    ),
    ("corrections.versions", {"account_ids": [ACCOUNT]}, 0),
    ("corrections.newest", {"account_id": ACCOUNT, "limit": 500, "length": 100}, 0),
    (
        "corrections.store_vectors",
        {"account_id": ACCOUNT, "message_ids": [md5(f"{BUSY}/9")], "vectors": [b"0"], "model": "m"},
        0,
    ),
    ("files.reserve", {"size": 1, "quota": 10**9}, 0),
    ("files.usage", {}, 0),
    ("files.open_uploads", {"uploader_id": AGENT, "most": 10}, 20),
    ("files.unsent_of_customers", {}, 0),
    ("files.add", IN_BUSY | NEW_FILE, 2),
    ("files.of_uploader", {"id": FILE, "uploader_id": AGENT, "is_staff": True}, 2),
    ("files.readable", {"id": FILE, "viewer_id": CONTACT, "is_staff": False}, 4),
    ("files.linked", {"id": FILE}, 1),
    ("files.append", {"id": md5("2file1"), "start": 0, "size": 5, "chunk": "0", "hours": 1.0}, 1),
    ("files.finish", {"id": FILE, "state": "ready", "content_type": "a/b", "width": None, "height": None}, 1),
    ("files.remove", {"id": md5("2file1")}, 1),
    (
        "files.attach",
        {"ids": [FILE], "conversation_ids": [md5("2conversation7")], "uploader_ids": [md5("2user8")]}
        | {"is_customer": False, "private": False},
        6,
    ),
    ("files.move", {"ids": [FILE], "conversation_id": md5("2conversation7")}, 1),
    (
        "files.undo_attach",
        {"id": FILE, "attached_at": datetime.now(UTC), "attached_before": None, "private_before": False, "hours": 1.0},
        1,
    ),
    ("files.take_unscanned", {"most": 4, "lease_seconds": 60.0}, 100),
    (
        "files.scanned",
        {"account_id": ACCOUNT, "id": FILE, "state": "ready", "scan_error": None}
        | {"attempts": 0, "retry_seconds": 1.0},
        1,
    ),
    ("files.remove_expired", {"most": 10}, 200),
    ("files.take_deletions", {"most": 10, "longest_seconds": 60.0}, 100),
    ("files.deleted", OF_FILE | {"again_seconds": 60.0}, 1),
    ("files.forget", OF_FILE, 1),
    ("files.undeleted_of_conversation", {"conversation_id": md5("2conversation7")}, 1),
    ("teams.teams", {"account_ids": [ACCOUNT]}, 0),
    ("teams.described", {"account_ids": [ACCOUNT]}, 0),
    ("teams.count_texts", {"team_id": UUID(int=7)}, 0),
    ("teams.skilled", {"account_ids": [ACCOUNT]}, 0),
    ("routing.settings", {}, 0),
    ("routing.set_account", {"mode": "off", "capacity": 1} | SECONDS, 0),
    ("routing.set_team", {"team_id": md5("2team1"), "mode": "off", "capacity": None}, 0),
    ("routing.add_position", {}, 0),
    ("routing.routed", {}, 0),
    ("routing.lock", {}, 0),
    ("routing.look", {}, 0),
    ("routing.agents", {"agent_ids": AGENTS, "most": 5}, 7 * 7),
    ("routing.waiting", {"queues": QUEUES, "with_skills": False, "limit": 100}, 8 * 100),
    ("routing.waiting", {"queues": QUEUES, "with_skills": True, "limit": 20}, 20 * 40),
    ("routing.held", {"present": AGENTS[:1], "with_present": True, "limit": 200}, 100 + 100),
    ("routing.lock_agents", {"agent_ids": AGENTS}, 0),
    ("routing.move", {"items": CHOICES, "number": 20_001, "snapshot": "{}", "choices": "[]"}, 30),
    ("routing.decision", {"conversation_id": BUSY}, 2),
    ("routing.records", {"after": 100, "limit": 10}, 10 + 100),
    ("routing.queues", {}, 210),
    ("routing.above_capacity", {"limit": 1000}, 400),
    ("routing.agent_names", {"agent_ids": AGENTS}, 0),
    ("routing.prune", {"days": 365, "limit": 20}, ACCOUNTS),
    ("routing.prune", {"days": 30, "limit": 20}, ACCOUNTS * (1 + 20) + 20),
    ("visitors.look_for_origin", {"origins": ["https://shop.example"]}, 0),
    ("visitors.add_visitor", {"visitor_id": new_id(), "email": "v@visitors.invalid", "name": "Visitor"}, 0),
    ("visitors.lock_both", {"visitor_id": CONTACT, "contact_id": md5("2contact2")}, 4),
    ("visitors.move_conversations", {"visitor_id": CONTACT, "contact_id": md5("2contact2")}, 10),
    ("visitors.move_notes", {"visitor_id": CONTACT, "contact_id": md5("2contact2")}, 2),
    ("visitors.move_messages", MOVED, 30),
    ("visitors.move_reads", MOVED, 10),
    ("visitors.state_details", {"contact_id": CONTACT, "email": "zoe@example.com", "name": "Zoe"}, 1),
    ("visitors.open_conversations", {"contact_id": CONTACT, "limit": 10}, 20),
    ("page_visits.lock_recorded", {"contact_id": CONTACT, "origins": ["https://shop.example"]}, 2),
    ("page_visits.add", {"contact_id": CONTACT} | PAGE_VISIT, 20),
    ("page_visits.trim", {"contact_id": CONTACT, "most": 5}, 40),
    ("page_visits.visits", {"contact_id": CONTACT}, 10),
    ("page_visits.move", {"visitor_id": CONTACT, "contact_id": md5("2contact2")}, 20),
    ("photos.put", {"user_id": AGENT, "version": "v", "content": b"1"}, 3),
    ("photos.get", {"user_id": AGENT, "version": "v"}, 1),
    ("photos.remove", {"user_id": AGENT}, 1),
    ("visitors.introduced", {"ids": AGENTS, "limit": 4}, 60),
    ("visitors.reply_time", {"limit": 40, "within": 20, "least": 5}, 900),
    ("visitors.credential_holder", {"visitor_id": CONTACT, "issued_at": 0.0}, 1),
    ("signing_keys.active_keys", {}, 0),
    ("users.add", {"id": new_id(), "email": "n", "name": "n", "role": "agent", "skills": [], "capacity": None}, 0),
    ("users.id_of", {"email": "7@EXAMPLE.com"}, 0),
    ("users.lock_admins", {}, 0),
    ("users.has_other_admin", {"user_id": AGENT}, 0),
    ("users.page", LAST | {"active": None, "role": None, "team_id": None}, 0),
    ("users.page", LAST | {"active": True, "role": "agent", "team_id": md5("2team1")}, 0),
    ("users.leave_teams", {"user_id": AGENT, "team_ids": []}, 0),
    ("users.join_teams", {"user_id": AGENT, "team_ids": [md5("2team1")]}, 0),
    ("users.unassign_some", {"user_id": AGENT, "actor_id": None, "actor_type": "system", "limit": 100}, 400),
    ("teams.add", {"id": new_id(), "name": "New", "description": "", "examples": []}, 0),
    ("teams.id_of", {"name": "Team 1"}, 0),
    ("teams.page", LAST | {"active": None}, 0),
    ("teams.add_members", {"team_id": md5("2team1"), "user_ids": [AGENT]}, 0),
    ("teams.remove_members", {"team_id": md5("2team1"), "user_ids": [AGENT]}, 0),
    ("contacts.add", {"id": new_id(), "external_id": "e", "email": "new", **CONTACT_VALUES}, 0),
    ("contacts.id_of_external", {"external_id": "external 7"}, 1),
    ("contacts.id_of_email", {"email": "7@EXAMPLE.com"}, 1),
    ("contacts.by_external", {"external_id": "external 7"}, 1),
    ("contacts.page", LAST | {"active": None}, 51),
    ("contacts.add_changes", {"contact_id": CONTACT, "limit": 50}, 60),
    ("articles.page_of_articles", LIST, 0),
    ("articles.page_of_canned_replies", LIST, 0),
    ("articles.drafts", {"article_id": md5("2article1"), "newest": 500, "limit": 50}, 1_000),
    ("api_keys.create", {"id": new_id(), "name": "n", "scope": "read", "secret_hash": b""}, 0),
    ("api_keys.keys", LIST, 0),
    ("api_keys.named", {"name": "n"}, 0),
    ("idempotency.prune", {"hours": 24, "limit": 20}, 60),
    ("audit.record", AUDITED | {"id": new_id(), "details": Jsonb({})}, 0),
    ("audit.entries", {"before_id": NEWEST[1], "limit": 51}, 51),
    ("audit.filtered", {"before_id": NEWEST[1], "noun": "key", "actor_id": None, "limit": 51}, 5_000),
    ("sign_in_links.add", {"user_id": AGENT, "secret_hash": b"new", "seconds": 60.0}, 1),
    ("sign_in_links.redeem", {"secret_hash": b"hash"}, 1),
    ("staff_sessions.add", NEW_SESSION, 0),
    ("queue_positions.positions", {"limit": 100}, 210),
    ("queue_positions.position", {"conversation_id": md5("2conversation2981"), "limit": 100}, 210),
    ("queue_positions.paces", {"queue_ids": [ACCOUNT, md5("2team1")], "limit": 21}, 22),
    ("queue_positions.members", {"queue_ids": [ACCOUNT, md5("2team1")]}, 2),
    ("queue_positions.moved_lately", {}, 40),
    ("queue_positions.prune", {"limit": 500}, 1_000),
    ("hours.get", {}, 1),
    ("categories.get", {}, 1),
    ("categories.put_tags", {"tags": Jsonb([])}, 1),
    ("categories.used", {"account_ids": [ACCOUNT]}, 1),
    ("hours.now", {}, 0),
    ("hours.due", {"at": None, "limit": 100}, 1),
    ("hours.schedule", {"account_id": ACCOUNT, "due": datetime.now(UTC), "changes_at": None}, 1),
    ("oidc.provider", {}, 1),
    ("oidc.lock", {}, 1),
    ("oidc.known_teams", {"team_ids": [new_id()]}, 1),
    ("oidc.user_of", {"issuer": "https://id.example", "subject": "s"}, 1),
    ("oidc.link", {"issuer": "https://id.example", "subject": "s", "user_id": AGENT}, 1),
    ("oidc.account_of", {"name": "acme"}, 1),
    ("oidc.names", {}, 1),
    ("staff_sessions.use", {"secret_hash": b"hash", "idle_hours": 1.0}, 1),
    ("staff_sessions.is_active", {"id": new_id()}, 1),
    ("staff_sessions.page", {"before_id": NEWEST[1], "user_id": AGENT, "idle_hours": 1.0, "limit": 51}, 1),
    ("staff_sessions.revoke", {"id": new_id(), "user_id": AGENT}, 1),
    ("staff_sessions.revoke_all", {"user_id": AGENT}, 1),
    ("staff_sessions.end", {"secret_hash": b"hash"}, 1),
    ("outbox.add", {"id": new_id(), "conversation_id": new_id(), "seq": 0}, 0),
    ("outbox.unpublished", {"ids": [md5(f"{BUSY}/{n}") for n in range(100)]}, 100),
    ("outbox.message", {"id": md5(f"{BUSY}/9")}, 1),
    ("outbox.remove", {"account_ids": [ACCOUNT] * 100, "ids": [md5(f"{BUSY}/{n}") for n in range(100)]}, 100),
    ("outbox.overdue", {"older_than_seconds": 0.0, "limit": 100}, 0),
    ("outbox.backlog", {}, 0),
    ("activity.stored", {"since": UUID("fe" + 30 * "0"), "until": UUID("ff" + 30 * "0")}, 400),
    ("activity.runs", EVER | {"limit": RUN_LIMIT}, RUN_LIMIT),
    ("activity.failures", EVER | {"limit": RUN_LIMIT, "shown": 10}, RUN_LIMIT),
    ("activity.waiting", {"limit": 20}, 200),
    ("knowledge.lock_updates", {}, 0),
    ("knowledge.nearest", {"vectors": ["[1,0,0]", "[0,1,0]"], "model": "m", "limit": 12, "answers": 5}, 2000),
    ("knowledge.outdated_past_answers", {"model": "m", "limit": 20}, KEPT),
    ("past_answers.unlearned", {"limit": 20, "turns": 20, "length": 100}, 20 * (20 + 20 + 6)),
    (
        "past_answers.store_lessons",
        {"lessons": json.dumps([{"message_id": str(md5(f"{BUSY}/8")), "question": "Question", "answer": "Answer"}])},
        1,
    ),
    ("ai_profiles.profile", {"replies": 3, "longest": 600}, KEPT),
    ("past_answers.beyond_newest", {"newest": 2_000}, KEPT),
    ("past_answers.remove_answers", {"message_ids": [md5(f"{md5('2conversation7')}/2")]}, 2),
    ("past_answers.unlearned_accounts", {"limit": 20}, 1_000),
    ("knowledge.outdated_articles", {"model": "m", "limit": 20}, 0),
    ("knowledge.outdated_canned_replies", {"model": "m", "limit": 20}, 0),
    (
        "knowledge.replace_passages",
        {"articles": [md5("2article1")], "encoded": [b"1"], "canned_replies": [], "past_answers": []}
        | {"passages": PASSAGES, "model": "m"},
        20,
    ),
    (
        "runs.claim",
        {"account_ids": [ACCOUNT], "run_ids": [PENDING], "delivery": new_id(), "lease_seconds": 30.0}
        | {"history_limit": 5, "history_characters": 100},
        12,
    ),
    ("runs.settle", attempt_results(RUNNING), 12),
    ("runs.release", {"account_ids": [ACCOUNT], "run_ids": [RUNNING], "delivery": new_id()}, 1),
    ("runs.mark_published", {"account_ids": [ACCOUNT], "run_ids": [SILENT]}, 1),
    ("results.result", {"run_id": DONE}, 1),
    ("results.latest", {"conversation_id": md5("2conversation7"), "recent_messages": 50}, 30),
    ("reads.view", {"viewer_id": AGENT, **IN_BUSY}, 20),
    ("run_requests.assist", IN_BUSY | {"message_id": None, "run_id": md5("new run")}, 20),
    ("run_requests.request", IN_BUSY | {"kind": "draft", "run_id": md5("new run")}, 20),
    (
        "run_dispatch.take_due",
        {"kinds": KINDS, "limit": 100, "lease_seconds": 30.0, "deadline_seconds": 60.0},
        OPEN,
    ),
    (
        "run_dispatch.take_other_due",
        {"kinds": KINDS, "limit": 100, "lease_seconds": 30.0, "deadline_seconds": 60.0},
        0,
    ),
    ("run_dispatch.take_lost", {"kinds": KINDS, "limit": 100, "lease_seconds": 30.0, "max_attempts": 4}, OPEN),
    ("run_dispatch.seconds_until_due", {"kinds": KINDS}, OPEN),
    ("run_dispatch.fail_expired", {"kinds": KINDS, "limit": 100, "max_attempts": 1}, OPEN),
    ("run_dispatch.unpublished", {"kinds": KINDS, "limit": 100, "older_than_seconds": 0.0}, OPEN),
    ("run_dispatch.open_runs", {}, OPEN),
    ("erasures.conversations_of", {"contact_id": CONTACT}, 100),
    ("erasures.lock_contact", {"contact_id": CONTACT}, 2),
    ("erasures.deactivate_contact", {"contact_id": CONTACT}, 2),
    ("erasures.lock_conversation", IN_BUSY, 2),
    ("erasures.close_conversation", IN_BUSY, 2),
    ("erasures.raise_revision", {"number": 1, **IN_BUSY}, 2),
    ("erasures.messages_after", {"after_seq": 9_000, "limit": 500, **IN_BUSY}, 500),
    ("erasures.changed_messages", {"revision": 0, "limit": 500, **IN_BUSY}, 1),
    ("erasures.end_runs", {"message_ids": [md5(f"{BUSY}/{n}") for n in range(1, 100)]}, 200),
    ("erasures.unannounced_runs", IN_BUSY, OPEN),
    ("erasures.outbox_of", IN_BUSY, 1),
    ("feed.sequence", {"most": 100}, 0),
    ("feed.position", {}, 0),
    ("feed.entries", {"after": 40_000, "limit": 100, "max_bytes": 10**6}, 200),
    ("feed.messages", {"ids": [md5(f"{BUSY}/{n}") for n in range(1, 100)]}, 100),
    ("feed.log_entries", {"conversation_ids": [BUSY], "ids": [md5(f"{BUSY}event")]}, 1),
    ("feed.runs", {"ids": [DONE]}, 2),
    ("feed.reads", {"conversation_ids": [BUSY], "reader_ids": [md5("2user1")]}, 2),
    ("feed.contacts", {"ids": [CONTACT]}, 1),
    ("feed.users", {"ids": [AGENT]}, 0),
    ("feed.teams", {"ids": [md5("2team1")]}, 0),
    ("feed.sequence_all", {"after": ACCOUNT, "most": 100}, 0),
    ("feed.unnumbered", {"after": ACCOUNT}, 0),
    ("feed.backlog", {"limit": 100}, 0),
    ("feed.prune", {"after": UUID(int=0), "accounts": 2, "days": 30, "most": 100}, 300),
    ("feed.numbered", {"numbers": list(range(40_000, 40_010))}, 10),
    ("webhooks.add", NEW_WEBHOOK, 0),
    ("webhooks.with_url", {"url": "https://hooks.example/"}, 0),
    ("webhooks.state", {"id": HOOK}, 400),
    ("webhooks.page", {"after_id": UUID(int=0), "limit": 51}, 0),
    ("webhooks.lock_number", {}, 0),
    ("webhooks.renew", {"relay": md5("relay"), "lease_seconds": 15.0}, 4),
    ("webhooks.with_work", {"relay": new_id()}, 12),
    ("webhooks.take", {"relay": new_id(), "lease_seconds": 15.0, "limit": 100}, 12),
    ("webhooks.release", {"relay": md5("relay"), "account_id": ACCOUNT, "id": HOOK}, 0),
    ("webhook_deliveries.fan_out", {**OF_HOOK, "relay": md5("relay"), "limit": 100, **RETRIES}, 400),
    ("webhook_deliveries.pending", {**OF_HOOK, "limit": 50}, 50),
    ("webhook_deliveries.record", {**OF_HOOK, "numbers": [49_950], "attempts": ATTEMPTED}, 2),
    ("webhook_deliveries.page", {"webhook_id": HOOK, "before": 45_000, "limit": 51}, 51),
    ("webhook_deliveries.page_of_pending", {"webhook_id": HOOK, "before": MAX_SEQ, "limit": 51}, 51),
    ("webhook_deliveries.page_of_set_aside", {"webhook_id": HOOK, "before": MAX_SEQ, "limit": 51}, 51),
    ("ratings.rate", RATING, 9),
    (
        "simulations.add",
        {"id": SIMULATED, "since": NIGHT, "max_conversations": 1, "max_dollars": 1, "provider": None}
        | {"created_by": None},
        0,
    ),
    ("simulations.cancel_others", {"id": new_id()}, 0),
    ("simulations.newest", {"limit": 20}, 0),
    ("simulations.beyond_newest", {"newest": 20}, 0),
    ("simulations.take_due", {"limit": 20, "lease_seconds": 60.0}, 0),
    ("simulations.claim", {"id": SIMULATED, "step": 1, "lease_seconds": 60.0}, 0),
    ("simulations.release", {"id": SIMULATED, "seconds": 1.0}, 0),
    ("simulations.end_all", {}, 0),
    ("simulations.batches", {}, 0),
    ("simulations.finish", {"id": SIMULATED, "status": "done", "error": None}, 0),
    (
        "simulations.plan",
        {"id": SIMULATED, "since": NIGHT, "max_conversations": 20, "max_messages": 50, "max_answers": 10},
        20 + 20 * 11 + 50 + 20 * 5 * 4,
    ),
    (
        "simulations.take_question",
        {"id": SIMULATED, "max_attempts": 3, "history_limit": 20, "history_characters": 100}
        | {"max_replies": 5, "max_messages": 200},
        60,
    ),
    ("simulations.store_request", {"id": SIMULATED, "message_id": BUSY, "request": Jsonb({})}, 1),
    ("simulations.count_requests", {"id": SIMULATED}, 0),
    ("simulations.requests", {"id": SIMULATED, "limit": 100}, 0),
    (
        "simulations.begin_batch",
        {"id": SIMULATED, "provider": "openai", "day": None, "message_ids": [BUSY]},
        0,
    ),
    ("simulations.name_batch", {"id": SIMULATED, "batch_id": "b"}, 0),
    ("simulations.withdraw_batch", {"id": SIMULATED}, 0),
    ("simulations.remaining", {"id": SIMULATED, "message_ids": [BUSY]}, 1),
    ("simulations.end_batch", {"id": SIMULATED, "cost": 0}, 0),
    ("simulations.store", {"id": SIMULATED, "draft": json.dumps({"message_id": str(BUSY)})}, 2),
    ("simulations.fail_open", {"id": md5("2simulation2")}, 1),
    ("simulations.abstained", {"id": md5("2simulation2"), "limit": 50, "length": 100}, 110),
    ("simulations.store_topics", {"id": SIMULATED, "topics": TOPICS}, 0),
    ("simulations.topics", {"id": md5("2simulation2"), "limit": 100, "length": 100}, 120),
    ("automatic.proven", {"simulation_id": SIMULATED, "category": "billing", "min_confidence": 0.9}, 3_100),
    (
        "automatic.case",
        {"conversation_id": md5("2conversation7"), "message_id": md5(f"{md5('2conversation7')}/1"), "seq": 1}
        | {"run_id": new_id(), "attempt": 1},
        7,
    ),
    ("automatic.may_answer", IN_BUSY | {"seq": 20_000, "category": "billing", "confidence": 0.9}, 10),
    ("automatic.answered", IN_BUSY | {"category": "billing", "failures": 0, "seq": 1}, 0),
    ("automatic.judge", IN_BUSY | {"verdict": "no"}, 2),
    ("automatic.language", IN_BUSY, 60),
    ("automatic.hand_over", IN_BUSY | {"reason": "asked"}, 10),
    ("automatic.figures", {"since": NIGHT, "until": datetime.now(UTC), "hours": 72, "limit": 100}, 100 * 4),
    ("draft_reports.mark", IN_BUSY | {"run_id": DONE, "is_dismissed": True}, 1),
    ("draft_reports.figures", {"since": NIGHT, "until": datetime.now(UTC), "limit": 100}, 100 * 8),
    ("simulations.figures", {"id": md5("2simulation2")}, 3_100),
    ("simulations.curve", {"id": md5("2simulation2"), "category": "billing"}, 3_100),
    (
        "simulations.drafts",
        {"id": md5("2simulation2"), "before_id": NEWEST[1], "category": None, "limit": 51, "length": 100},
        51 * 3 + 10,
    ),
    ("reports.figures", REPORT | {"by": "hour"}, 2_000),
    ("reports.figures", REPORT | {"by": "team"}, 2_000),
    (
        "reports.items",
        REPORT | {"figure": "first_response", "details": None, "hour": None, "without": None, **LIST},
        2_000,
    ),
    ("reports.queues", {}, 250),
    ("reports.loads", {"limit": 100}, 150),
    ("webhook_deliveries.page_of_delivered", {"webhook_id": HOOK, "before": 45_000, "limit": 51}, 53),
    ("webhook_deliveries.exists", {"webhook_id": HOOK, "number": 45_000}, 1),
    ("webhook_deliveries.replay", {"webhook_id": HOOK, "number": 45_000, "retry_seconds": 60.0}, 2),
    ("webhook_deliveries.replay_set_aside", {"webhook_id": HOOK, "retry_seconds": 60.0, "limit": 20}, 60),
    ("webhook_deliveries.add_test", {"webhook_id": HOOK, "type": "test", "retry_seconds": 60.0}, 0),
    ("webhook_deliveries.backlog", {}, 4 * 100),
    ("webhook_deliveries.failing", {}, 0),
    ("webhook_deliveries.prune", {"days": 1, "limit": 50}, 5 * 50),
    ("retention.conversations_due", {"until": datetime.now(UTC).replace(hour=0), "limit": 20}, 3_000),
    ("retention.advance", {"until": datetime.now(UTC)}, 2),
    *((f"retention.{name}", OLD | before, 3_000) for name, before in OLD_ROWS.items()),
    ("retention.prune_visitors", {"account_id": ACCOUNT, "contact_id": CONTACT, "days": 30, "limit": 500}, 1_000),
]
MODES = ("force_custom_plan", "force_generic_plan")
ROLES = {
    "runs": "worker",
    "run_dispatch": "relay",
    "categories.used": "worker",
    "outbox.overdue": "relay",
    "outbox.backlog": "relay",
    "outbox.remove": "writer",
    "messages.write": "writer",
    "past_answers.unlearned_accounts": "relay",
    **{f"queue_positions.{name}": "relay" for name in ("moved", "moved_lately", "prune")},
    **{f"files.{name}": "relay" for name in ("take_unscanned", "scanned")},
    **{
        f"files.{name}": "eraser"
        for name in ("remove_expired", "take_deletions", "deleted", "forget", "undeleted_of_conversation")
    },
    "hours.due": "relay",
    "snoozes.due": "relay",
    "simulations.take_due": "relay",
    "hours.schedule": "relay",
    "feed.sequence_all": "relay",
    "feed.unnumbered": "relay",
    "feed.backlog": "relay",
    "feed.prune": "relay",
    "routing.routed": "relay",
    "routing.prune": "eraser",
    "webhooks.renew": "relay",
    "webhooks.with_work": "relay",
    "webhooks.take": "relay",
    "webhooks.release": "relay",
    **{
        f"webhook_deliveries.{name}": "relay"
        for name in ("fan_out", "pending", "record", "backlog", "failing", "prune")
    },
    "erasures": "eraser",
    "retention": "eraser",
}
"""The role of a query, if it is not that of the web process."""
PIPELINED = {
    f"routing.{name}" for name in ("settings", "lock", "look", "agents", "waiting", "held", "lock_agents", "move")
}
PIPELINED |= {"snoozes.due"}
"""Queries of routing and the relay, which have connections with GENERIC_PLANS."""
SETTINGS = dict.fromkeys(PIPELINED, GENERIC_PLANS) | {f"retention.{name}": BY_INDEX for name in OLD_ROWS}
"""The settings of the planner that a query is executed with."""
NOT_OF_REQUESTS = {
    *("accounts", "ai_budgets", "event_stream", "model_calls", "demo", "directory", "migrations"),
    *(f"articles.{do}_{what}" for do in ("put", "lock", "get", "remove") for what in ("article", "canned_reply")),
    *("erasures.contact_account", "erasures.request", "erasures.add_counts", "erasures.complete", "erasures.verified"),
    *("erasures.receipt", "erasures.account_exists", "erasures.primary_key", "erasures.deactivate_people"),
    "erasures.account_or_erasure",
    "erasures.run_messages",  # all of a conversation, while it is erased
    *("retention.accounts_due", "retention.prune_sign_ins", "retention.set_planner"),
    *(f"{noun}.{name}" for noun in ("users", "teams", "contacts", "labels") for name in ("lock", "get", "change")),
    *(f"saved_views.{name}" for name in ("lock", "get", "change", "remove")),
    *(f"signing_keys.{name}" for name in ("keys", "add", "revoke", "secrets", "replace_secret")),
    *(f"api_keys.{name}" for name in ("key", "secret", "replace_secret", "revoke", "used")),
    *(f"idempotency.{name}" for name in ("abandon", "begin", "find", "finish", "release", "take_over")),
    "files.set_quota",
    *("visitors.revoke_credentials", "visitors.revoke_all_credentials", "visitors.remove_visitor"),
    "files.undeleted_of_account",
    "hours.put",
    "categories.put",
    *("simulations.get", "simulations.remove", "automatic.settings", "automatic.put"),
    "queue_positions.moved",  # once, by a relay that starts
    *(f"oidc.{name}" for name in ("put", "remove", "unlink", "add_names", "remove_names", "secrets", "replace_secret")),
    *(f"webhooks.{name}" for name in ("get", "lock", "update", "rotate", "rewind", "settle")),
    *("webhooks.secrets", "webhooks.replace_secrets"),
}
"""Queries of the operator's commands over all accounts, and queries of one row by its primary key."""


@pytest.fixture(scope="module")
async def seeded(servers: Any, template: str) -> AsyncIterator[str]:
    name = await servers.clone(template)
    url = servers.cluster.url(name)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        indexes = await (await connection.execute(INDEXES)).fetchall()
        for index, _ in indexes:
            await connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        await connection.execute(SEED.encode())
        for _, definition in indexes:
            await connection.execute(definition.encode())
        await connection.execute("VACUUM ANALYZE")  # as autovacuum leaves the tables in production
        row = await (await connection.execute("SELECT count(*) FROM messages")).fetchone()
        assert row is not None
        assert row[0] == ACCOUNTS * (LONG + 3000 * SHORT) == 200_000
        cursor = await connection.execute("SELECT FROM ai_runs WHERE announced_at IS NULL")
        assert 100 < cursor.rowcount < OPEN - 200
    yield url
    await servers.drop(name)


@asynccontextmanager
async def open_roles(url: str) -> AsyncIterator[dict[str, Database]]:
    """A connection with each role."""
    async with AsyncExitStack() as stack:
        found = {}
        for name in ("app", "relay", "worker", "writer", "eraser"):
            role: Any = f"hummdesk_{name}"
            found[name] = Database(url, role=role, size=1, timeout=10)
            stack.push_async_callback(found[name].close)
            await found[name].open()
        yield found


@pytest.fixture(scope="module")
async def roles(seeded: str) -> AsyncIterator[dict[str, Database]]:
    async with open_roles(seeded) as found:
        yield found


@cache
def queries() -> dict[str, str]:
    """The text of every named query, with %(name)s for parameters."""
    found = {}
    for path in (SQL / "queries").glob("*.sql"):
        noun = aiosql.from_path(path, "apsycopg")
        for name in noun.available_queries:
            if not name.endswith("_cursor"):
                found[f"{Path(path).stem}.{name}"] = getattr(noun, name).sql
    return found


def prepared(text: str, parameters: dict[str, Any]) -> tuple[sql.Composed, sql.Composed]:
    """The statements PREPARE and EXPLAIN EXECUTE for a query."""
    names = list(parameters)
    statement = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", text)
    values = sql.SQL(", ").join(map(sql.Literal, parameters.values()))
    execute = sql.SQL("probe({})").format(values) if names else sql.SQL("probe")
    explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ") + execute
    return sql.SQL("PREPARE probe AS {}").format(sql.SQL(statement)), explain


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan] + [inner for child in plan.get("Plans", []) for inner in nodes(child)]


def touched(node: dict[str, Any]) -> float:
    """Rows that a node has read from a big table, including those it has filtered out."""
    if "Relation Name" not in node or node["Relation Name"] in SMALL_TABLES or node["Node Type"] == "ModifyTable":
        return 0
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


async def explain(
    database: Database,
    text: str,
    parameters: dict[str, Any],
    mode: str,
    *,
    several: bool,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    async with database.accounts([ACCOUNT]) if several else database.account(ACCOUNT) as tx:
        prepare, run = prepared(text, parameters)
        for name, value in settings.items():
            await tx.execute(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        await tx.execute(sql.SQL("SET LOCAL plan_cache_mode = {}").format(sql.Literal(mode)))
        await tx.execute(prepare)
        row = await (await tx.execute(run)).fetchone()
        await tx.execute("DEALLOCATE probe")
        await tx.rollback()
    assert row is not None
    plan: dict[str, Any] = row["QUERY PLAN"][0]
    return plan


def test_every_query_has_a_case() -> None:
    known = {name for name in queries() if not NOT_OF_REQUESTS & {name, name.split(".")[0]}}
    assert {name for name, _, _ in CASES} == known


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan reads of big tables."""

    sequential: list[str]
    """The tables that it scans."""
    rows: float
    ways: str
    """The indexes of all tables."""
    milliseconds: float


async def plan_of(roles: dict[str, Database], name: str, parameters: dict[str, Any], mode: str) -> Plan:
    """Execute a query with the role that it has, and roll it back."""
    role = ROLES.get(name) or ROLES.get(name.split(".")[0], "app")
    answer = await explain(
        roles[role],
        queries()[name],
        parameters,
        mode,
        several=role in ("worker", "writer"),
        settings=SETTINGS.get(name, {}),
    )
    steps = nodes(answer["Plan"])
    scans = [node for node in steps if "Scan" in node["Node Type"] and "Relation Name" in node]
    big = [node for node in scans if node["Relation Name"] not in SMALL_TABLES]
    return Plan(
        sequential=[node["Relation Name"] for node in big if node["Node Type"] == "Seq Scan"],
        rows=sum(map(touched, steps)),
        ways=" ".join(
            sorted({f"{node['Relation Name']}:{node.get('Index Name', node['Node Type'])}" for node in scans})
        ),
        milliseconds=answer["Execution Time"],
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "parameters", "bound"), CASES, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(CASES)]
)
async def test_query_reads_few_rows_through_an_index(
    roles: dict[str, Database], name: str, parameters: dict[str, Any], bound: int, mode: str
) -> None:
    plan = await plan_of(roles, name, parameters, mode)
    print(f"{name:32} {mode[6:-5]:8} {plan.rows:6.0f} rows {plan.milliseconds:7.2f} ms  {plan.ways}")
    assert plan.sequential == []
    assert plan.rows <= bound, plan.ways


async def test_write_planned_while_tables_are_small_scans_none_of_them(alone: Account) -> None:
    """The message writer keeps its plan while the tables grow."""
    await alone.execute("ANALYZE")
    writer = Database(alone.url, role="hummdesk_writer", size=1, timeout=10)
    await writer.open()
    text = queries()["messages.write"]
    plan = await explain(
        writer, text, items(CUSTOMER, BUSY), "force_generic_plan", several=True, settings=GENERIC_PLANS
    )
    await writer.close()
    assert [node["Relation Name"] for node in nodes(plan["Plan"]) if node["Node Type"] == "Seq Scan"] == []


@pytest.mark.parametrize(
    ("words", "found", "bound"),
    [
        ("'sai':*", 117, 400),  # in every message: the newest are enough
        ("'19999':*", 1, 250),
        ("'contact':* & '77':*", 22, 500),
        ("'contact':*", 48, 10_500),  # in the name of every customer
        ("'777@example':*", 2, 250),
        ("'nowhere':*", 0, 200),
    ],
)
async def test_search_function_reads_few_rows(roles: dict[str, Database], words: str, found: int, bound: int) -> None:
    """By the counters of the transaction: EXPLAIN does not show the inside of a function."""
    async with roles["app"].account(ACCOUNT) as tx:
        before = await counters(tx)
        search = "SELECT DISTINCT id FROM search_conversations(%s::tsquery, %s) AS found (id) WHERE id IS NOT NULL"
        rows = await (await tx.execute(search, (words, SEARCH_LIMIT))).fetchall()
        after = await counters(tx)
    read = sum(after[table]["idx_tup_fetch"] - before[table]["idx_tup_fetch"] for table in after)
    print(f"{words:24} {len(rows):4} found  {read:6} rows")
    assert len(rows) == found
    assert {table: after[table]["seq_scan"] - before[table]["seq_scan"] for table in after} == dict.fromkeys(after, 0)
    assert read <= bound


@pytest.mark.parametrize(
    ("words", "found", "bound"),
    [
        ("said", 117, 700),  # in every message: the newest are enough
        ("9999", 1, 11_000),
        ("tact 77", 26, 20_500),  # the first part in the name of every customer
        ("ontact", 48, 21_500),  # in the name of every customer
        ("nowhere", 0, 12_500),
        ("saaid", 117, 13_000),  # misspelled
    ],
)
async def test_search_of_parts_reads_few_rows(roles: dict[str, Database], words: str, found: int, bound: int) -> None:
    split = tuple(words.split())
    parameters = (prefix_query(split), patterns(split), terms(split), SEARCH_LIMIT)
    async with roles["app"].account(ACCOUNT) as tx:
        before = await counters(tx)
        search = (
            "SELECT DISTINCT id FROM find_conversations(to_tsquery('simple', %s), %s::text[], %s::text[], %s) "
            "AS found (id) WHERE id IS NOT NULL"
        )
        rows = await (await tx.execute(search, parameters)).fetchall()
        after = await counters(tx)
    read = sum(after[table]["idx_tup_fetch"] - before[table]["idx_tup_fetch"] for table in after)
    print(f"{words:24} {len(rows):4} found  {read:6} rows")
    assert {table: after[table]["seq_scan"] - before[table]["seq_scan"] for table in after} == dict.fromkeys(after, 0)
    assert len(rows) == found
    assert read <= bound


@asynccontextmanager
async def changed(url: str, *, times: int = 1) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A superuser's transaction in the account that is rolled back, with a planner that multiplies the messages."""
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as superuser:
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute("SELECT set_config('app.account_id', %s, true)", (str(ACCOUNT),))
        size = "UPDATE pg_class SET reltuples = reltuples * %s WHERE oid = 'messages'::regclass"
        await superuser.execute(size, (times,))
        yield superuser
        await superuser.rollback()


async def rewrite(
    tx: psycopg.AsyncConnection[Any], content: str, *, number: int, offset: int = 0, word: str | None = None
) -> None:
    """Replace the newest messages of the account, after some of them; with `word`, those that end with it."""
    values = {"content": content, "account": ACCOUNT, "offset": offset, "number": number, "word": word}
    await tx.execute(
        "UPDATE messages SET content = %(content)s "
        "WHERE (%(word)s::text IS NULL OR content LIKE '%% ' || %(word)s) AND id IN "
        "(SELECT id FROM messages WHERE account_id = %(account)s ORDER BY id DESC OFFSET %(offset)s LIMIT %(number)s)",
        values,
    )


async def search(tx: psycopg.AsyncConnection[Any], words: str) -> list[UUID | None]:
    cursor = await tx.execute("SELECT search_conversations(%s::tsquery, %s) AS id", (words, SEARCH_LIMIT))
    return [row["id"] async for row in cursor]


async def test_search_of_a_frequent_word_without_new_matches_reads_few_rows(seeded: str) -> None:
    """The newest messages, such as those of a campaign, say nothing about the index of all accounts."""
    async with changed(seeded, times=10) as superuser:
        await rewrite(superuser, "Hello", number=200)
        before = await counters(superuser)
        found = await search(superuser, "sai:*")
        after = await counters(superuser)
    assert len(found) == SEARCH_LIMIT + 1
    assert found[-1] is None
    assert after["messages"]["idx_tup_fetch"] - before["messages"]["idx_tup_fetch"] <= 800


async def test_index_is_searched_for_the_rare_words_only(seeded: str) -> None:
    rare = {
        "'sai':* & '19999':*": "'19999':*",
        "'sai':*": None,
        "'sai':* <-> '19999':*": "'19999':*",
        "'sai':* | '19999':*": None,
        "'nowhere':* & '19999'": "'nowhere':* & '19999'",
    }
    async with changed(seeded, times=10) as superuser:
        for words, expected in rare.items():
            cursor = await superuser.execute("SELECT rare_words(%s::tsquery)::text AS rare", (words,))
            assert await cursor.fetchone() == {"rare": expected}
        both = await search(superuser, "'sai':* & '19999':*")
        assert both == [BUSY]
        assert await search(superuser, "'is':* <-> '19999':*") == []


async def test_search_of_a_word_in_a_hundredth_of_the_messages_finds_the_same_each_time(seeded: str) -> None:
    async with changed(seeded, times=100) as superuser:
        kayaks = "UPDATE messages SET content = 'A kayak' WHERE id < '028f5c28-0000-0000-0000-000000000000'"
        await superuser.execute(kayaks)
        found = [await search(superuser, "'kayak':*") for _ in range(20)]
    assert found == [found[0]] * 20


async def test_search_of_a_word_of_the_newest_messages_finds_older_ones(seeded: str) -> None:
    async with changed(seeded) as superuser:
        await rewrite(superuser, "A kayak", number=50)
        await rewrite(superuser, "A kayak", number=5, offset=20_000)
        found = await search(superuser, "'kayak':*")
        cursor = await superuser.execute("SELECT DISTINCT conversation_id FROM messages WHERE content = 'A kayak'")
        assert set(found) == {row["conversation_id"] async for row in cursor}


async def test_cut_search_without_a_match_searches_no_similar_words(seeded: str) -> None:
    """The word is in a sixteenth of all messages, here in none of the newest ones of the account."""
    async with changed(seeded, times=1000) as superuser:
        await rewrite(superuser, "Hello", number=11_000, word="topic7")
        similar = "SELECT find_conversations('topic7', ARRAY['%%nowhere%%'], ARRAY['saaid'], %s) AS id"
        found = await (await superuser.execute(similar, (SEARCH_LIMIT,))).fetchall()
    assert found == [{"id": None}]


async def counters(tx: Any) -> dict[str, dict[str, int]]:
    cursor = await tx.execute(
        "SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables "
        "WHERE relname IN ('messages', 'conversations', 'contacts')"
    )
    return {row["relname"]: row async for row in cursor}
