"""What is stored where, and what becomes of it: the classification for export, erasure and retention.

Every column of every table, every Redis key and every kind of file is listed here, and tests fail for one that is not.
The statements that export, erase and verify are made from it (storage/personal_statements.py), as are the tables in
docs/personal-data.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ERASED_NAME = "Erased"
"""The name of an erased contact."""

Scope = Literal["message", "conversation", "contact", "account"]
"""What the rows of a table belong to, and are erased with."""


@dataclass(frozen=True, slots=True)
class Column:
    """`erased` is the SQL expression that replaces the value; None: the value is kept."""

    erased: str | None = None
    is_exported: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`rows` is the condition for the rows of one subject: %(contact)s, %(conversation)s or, as an array, %(messages)s.

    Rows of a table that `deletes` are deleted, where others are kept with replaced values. With an account, the rows of
    a table that `is_deleted_first` are deleted before others, whose foreign keys would delete them uncounted.
    """

    name: str
    holds: str
    scope: Scope
    columns: Mapping[str, Column]
    rows: str = ""
    deletes: bool = False
    is_deleted_first: bool = False

    @property
    def erased(self) -> dict[str, str]:
        """The replacing expressions by column."""
        return {name: column.erased for name, column in self.columns.items() if column.erased is not None}

    @property
    def erasure(self) -> str:
        """What an erasure of a contact does to the rows."""
        if self.scope == "account":
            return "kept"
        return "deleted" if self.deletes else f"erased: {', '.join(f'`{name}`' for name in self.erased)}"

    @property
    def exported(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.is_exported]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A pattern of Redis keys, as SCAN takes it. `lifetime` says when its data disappears by itself."""

    pattern: str
    holds: str
    erasure: str
    lifetime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A kind of file that a module writes."""

    module: str
    holds: str
    erasure: str


def columns(kept: str = "", *, hidden: str = "", **erased: str) -> dict[str, Column]:
    """Columns that are exported and kept, not exported (secrets and internal state), and replaced."""
    return (
        {name: Column() for name in kept.split()}
        | {name: Column(is_exported=False) for name in hidden.split()}
        | {name: Column(erased=expression) for name, expression in erased.items()}
    )


OF_MESSAGES = "message_id = ANY(%(messages)s)"
OF_RUNS = """run_id IN (
    SELECT id FROM ai_runs WHERE account_id = current_account() AND message_id = ANY(%(messages)s)
)"""
OF_CONVERSATION = "conversation_id = %(conversation)s"

TABLES: tuple[Table, ...] = (
    Table(
        name="outbox",
        holds="ids of changes that are not published yet, for about a second",
        scope="account",
        columns=columns(hidden="account_id id conversation_id seq reopened_from created_at"),
    ),
    Table(
        name="ai_corrections",
        holds="corrections of classifications, with the vector of the message",
        scope="message",
        rows=OF_MESSAGES,
        deletes=True,
        columns=columns("account_id message_id category priority corrected_by corrected_at", hidden="vector model"),
    ),
    # Before its passages: an update waits for a task that is storing the passages of the answer.
    Table(
        name="past_answers",
        holds="questions and answers that the AI has learned from replies",
        scope="message",
        rows=OF_MESSAGES,
        columns=columns(
            "account_id message_id conversation_id seq draft_run_id draft_use",
            learned_at="COALESCE(learned_at, clock_timestamp())",
            question="NULL",
            answer="NULL",
            indexed_as="NULL",
        ),
    ),
    Table(
        name="knowledge_passages",
        holds="vectors of articles, canned replies and learned questions",
        scope="message",
        rows="past_answer_id = ANY(%(messages)s)",
        deletes=True,
        is_deleted_first=True,
        columns=columns(hidden="account_id id article_id canned_reply_id model embedding past_answer_id"),
    ),
    Table(
        name="knowledge_articles",
        holds="the account's own articles",
        scope="account",
        columns=columns(
            "account_id id title body questions created_at language changed_at", hidden="indexed_as encoded"
        ),
    ),
    Table(
        name="canned_replies",
        holds="the account's own replies",
        scope="account",
        columns=columns("account_id id title content created_at language", hidden="indexed_as"),
    ),
    Table(
        name="ai_calls",
        holds="token counts and costs of requests to models, without text",
        scope="account",
        columns=columns(
            "account_id id run_id provider model prompt outcome fallback input_tokens cache_read_tokens "
            "cache_write_tokens output_tokens cost_usd milliseconds created_at"
        ),
    ),
    Table(
        name="ai_simulated_drafts",
        holds="drafts of simulations, with figures of their comparison with the replies, and requests in a batch",
        scope="message",
        rows=OF_MESSAGES,
        deletes=True,
        is_deleted_first=True,
        columns=columns(
            "account_id simulation_id message_id conversation_id reply_seq is_first category outcome provider "
            "confidence source_kind source_id draft facts kept_facts other_facts edit_distance draft_words "
            "reply_words cost_usd",
            hidden="attempts request",
        ),
    ),
    Table(
        name="automatic_conversations",
        holds="which conversations the AI has answered by itself, and what became of them",
        scope="conversation",
        rows=OF_CONVERSATION,
        deletes=True,
        columns=columns(
            "account_id conversation_id category answers failures first_at last_at last_seq verdict handed_over_at "
            "reason"
        ),
    ),
    Table(
        name="automatic_answers",
        holds="the categories that the AI may answer by itself",
        scope="account",
        columns=columns("account_id is_enabled categories"),
    ),
    Table(
        name="unanswered_topics",
        holds="topics of questions that nothing answers: counts, and ids of messages as examples",
        scope="account",
        is_deleted_first=True,
        columns=columns("account_id simulation_id number questions message_ids"),
    ),
    Table(
        name="draft_views",
        holds="when drafts were shown and dismissed",
        scope="account",
        columns=columns("account_id run_id shown_at dismissed_at"),
    ),
    Table(
        name="ai_simulations",
        holds="state, limits and costs of simulations",
        scope="account",
        columns=columns(
            "account_id id status since max_conversations max_dollars provider conversations questions completed "
            "cost_usd unpriced error created_by created_at started_at finished_at",
            hidden="step due_at step_attempts batch_id batch_provider batch_at batch_day",
        ),
    ),
    Table(
        name="ai_usage",
        holds="daily use of external models",
        scope="account",
        columns=columns("account_id day tokens dollars refused"),
    ),
    Table(
        name="signing_keys",
        holds="keys that sign the account's tokens; secrets are encrypted and not exported",
        scope="account",
        columns=columns(
            "account_id kid algorithm public_key jwks_url issuer audience created_at revoked_at", hidden="secret"
        ),
    ),
    Table(
        name="api_keys",
        holds="API keys: their names and hashes",
        scope="account",
        columns=columns("account_id id name scope created_at last_used_at revoked_at", hidden="secret_hash"),
    ),
    Table(
        name="idempotency_keys",
        holds="answers to requests of the REST API, encrypted with the Idempotency-Key, for a day",
        scope="contact",
        rows="true",
        columns=columns(hidden="account_id id request_hash status created_at new_id started_at")
        | {"answer": Column(erased="NULL", is_exported=False)},
    ),
    Table(
        name="audit_log",
        holds="changes of people, keys and settings: who and what, without values of personal fields",
        scope="account",
        columns=columns("account_id id actor_id actor_type action subject_id details created_at"),
    ),
    Table(
        name="webhook_deliveries",
        holds="which events were delivered to webhooks: numbers, types and ids, without content",
        scope="account",
        columns=columns(
            "account_id webhook_id number type conversation_id status attempts last_attempt_at last_status last_error "
            "last_milliseconds created_at finished_at",
            hidden="ordering_key next_attempt_at give_up_at",
        ),
    ),
    Table(
        name="webhooks",
        holds="addresses of the account's systems; secrets are encrypted and not exported",
        scope="account",
        columns=columns(
            "account_id id url events enabled disabled_reason last_number failing_since created_by created_at",
            hidden="secret previous_secret previous_secret_until requeued_at leased_by lease_until",
        ),
    ),
    Table(
        name="ai_results",
        holds="classifications, drafts and summaries",
        scope="message",
        rows=OF_RUNS,
        deletes=True,
        columns=columns("account_id run_id kind payload created_at"),
    ),
    Table(
        name="ai_runs",
        holds="state of AI runs",
        scope="message",
        rows=OF_MESSAGES,
        columns=columns(
            "account_id id conversation_id message_id seq kind repetition status outcome started_at created_at "
            "finished_at",
            hidden="attempts available_at published_at lease_until deadline_at announced_at claimed_by",
            last_error="NULL",
        ),
    ),
    Table(
        name="message_reads",
        holds="how far the customer has read",
        scope="conversation",
        rows=f"{OF_CONVERSATION} AND reader_type = 'customer'",
        deletes=True,
        columns=columns("account_id conversation_id reader_id reader_type seq read_at", hidden="unread_after"),
    ),
    Table(
        name="conversation_events",
        holds="the log of each conversation, with reasons and comments as free text",
        scope="conversation",
        rows=OF_CONVERSATION,
        columns=columns(
            "account_id conversation_id id kind actor_id actor_type created_at",
            details="details - 'reason' - 'comment'",
        ),
    ),
    Table(
        name="conversation_ratings",
        holds="ratings of closed conversations, with the customer's comment",
        scope="conversation",
        rows=OF_CONVERSATION,
        columns=columns(
            "account_id conversation_id closing_id rating agent_id team_id rated_at",
            comment="NULL",
        ),
    ),
    Table(
        name="messages",
        holds="messages of both sides and notes",
        scope="message",
        rows="id = ANY(%(messages)s)",
        columns=columns(
            "account_id id conversation_id seq sender_id sender_type private created_at revision erased_at mentions "
            "withdrawn",
            sender_name=f"CASE WHEN sender_type = 'customer' THEN '{ERASED_NAME}' ELSE sender_name END",
            content="''",
            content_type="'text'",
            attachments="'[]'::jsonb",
            metadata="'{}'::jsonb",
            client_message_id="NULL",
            bytes="NULL",
        ),
    ),
    Table(
        name="files",
        holds="files attached to messages: names, types and sizes; their bytes are in the file store",
        scope="conversation",
        rows=OF_CONVERSATION,
        deletes=True,
        columns=columns(
            "account_id id conversation_id uploader_id uploader_type name size state content_type width height "
            "is_private created_at attached_at expires_at scan_error",
            hidden="received chunks link_key scan_at scan_attempts",
        ),
    ),
    Table(
        name="conversation_subjects",
        holds="copies of the subjects of conversations, for the search",
        scope="conversation",
        rows=OF_CONVERSATION,
        deletes=True,
        columns=columns(hidden="account_id conversation_id subject"),
    ),
    Table(
        name="conversations",
        holds="subject, metadata, state and counters of conversations",
        scope="conversation",
        rows="id = %(conversation)s",
        columns=columns(
            "account_id id contact_id status priority assigned_to assigned_team last_seq last_public_seq "
            "staff_read_seq unread_staff unread_customer created_at updated_at revision erased_at "
            "waiting_since queued_since rating label_ids snoozed_until continued_in continuation_of continued_before "
            "repeats_in",
            subject="NULL",
            metadata="'{}'::jsonb",
            client_message_id="NULL",
        ),
    ),
    Table(
        name="page_visits",
        holds="pages that customers have opened, if the account records them, for at most 30 days",
        scope="contact",
        rows="contact_id = %(contact)s",
        deletes=True,
        columns=columns("account_id id contact_id url title visited_at"),
    ),
    Table(
        name="contacts",
        holds="names, addresses and attributes of customers, and notes on them",
        scope="contact",
        rows="id = %(contact)s",
        columns=columns(
            "account_id id created_at passes_revoked_at",
            email="'erased-' || id || '@erased.invalid'",
            name=f"'{ERASED_NAME}'",
            avatar_url="NULL",
            active="false",
            external_id="NULL",
            attributes="'{}'::jsonb",
            notes="NULL",
            stated_email="NULL",
        ),
    ),
    Table(
        name="routing_decisions",
        holds="which conversation routing has given to which agent: ids, for at most 30 days",
        scope="account",
        columns=columns(
            "account_id number record_number conversation_id agent_id rule event_id weight capacity decided_at"
        ),
    ),
    Table(
        name="routing_records",
        holds="what routing has decided on: ids, priorities, skills and loads, for at most 30 days",
        scope="account",
        columns=columns("account_id number decided_at snapshot choices"),
    ),
    Table(
        name="routing_positions",
        holds="the number of the last decision of routing",
        scope="account",
        columns=columns(hidden="account_id last_number"),
    ),
    Table(
        name="routing_teams",
        holds="settings of routing of teams",
        scope="account",
        columns=columns("account_id team_id mode capacity"),
    ),
    Table(
        name="routing_settings",
        holds="settings of routing",
        scope="account",
        columns=columns("account_id mode capacity skills_wait_seconds answer_seconds offline_seconds"),
    ),
    Table(
        name="labels",
        holds="names and colors of labels",
        scope="account",
        columns=columns("account_id id name color active created_at"),
    ),
    Table(
        name="user_photos",
        holds="photos of users",
        scope="account",
        columns=columns("account_id user_id", hidden="version content"),
    ),
    Table(
        name="saved_views",
        holds="names and filters of saved views of the inbox, which may contain a search",
        scope="account",
        columns=columns("account_id id owner_id name filter created_at"),
    ),
    Table(
        name="team_members",
        holds="which users are in which teams",
        scope="account",
        columns=columns("account_id team_id user_id"),
    ),
    Table(
        name="teams",
        holds="names, descriptions and example messages of teams",
        scope="account",
        columns=columns("account_id id name created_at active description examples"),
    ),
    Table(
        name="sign_in_links",
        holds="one-time links of users, as hashes; deleted when they have expired",
        scope="account",
        columns=columns("account_id user_id created_at expires_at used_at", hidden="secret_hash"),
    ),
    Table(
        name="staff_sessions",
        holds="browsers in which users are signed in, with network and kind of browser; deleted when they have expired",
        scope="account",
        columns=columns(
            "account_id id user_id signed_in_by user_agent network created_at last_used_at expires_at revoked_at",
            hidden="secret_hash",
        ),
    ),
    Table(
        name="oidc_identities",
        holds="under which ids identity providers know users",
        scope="account",
        columns=columns("account_id issuer subject user_id created_at"),
    ),
    Table(
        name="oidc_providers",
        holds="identity providers; their secrets are encrypted and not exported",
        scope="account",
        columns=columns(
            "account_id issuer client_id scopes groups_claim groups email_domains creates_users default_role "
            "created_at",
            hidden="client_secret",
        ),
    ),
    Table(
        name="business_hours",
        holds="business hours, and texts for customers outside them",
        scope="account",
        columns=columns(
            "account_id is_enabled time_zone weekly country subdivision closed_dates outside texts "
            "route_outside_hours changes_at"
        ),
    ),
    Table(
        name="own_categories",
        holds="categories and tags of messages that the account has named, with examples",
        scope="account",
        columns=columns("account_id is_enabled categories changed_at tags"),
    ),
    Table(
        name="queue_moves",
        holds="when conversations entered and left queues, without which ones; for two hours",
        scope="account",
        columns=columns(hidden="account_id queue_id at id queued_since"),
    ),
    Table(
        name="sign_in_names",
        holds="names of accounts on the sign-in page",
        scope="account",
        columns=columns("account_id name"),
    ),
    Table(
        name="users",
        holds="names and addresses of staff",
        scope="account",
        columns=columns(
            "account_id id email name role active last_seen_at created_at skills capacity", hidden="unread_since"
        ),
    ),
    Table(
        name="file_usage",
        holds="the bytes of the account's files, and its quota",
        scope="account",
        columns=columns("account_id bytes quota"),
    ),
    # After all tables whose rows add changes to the feed when they are deleted.
    Table(
        name="feed_changes",
        holds="ids of changes that have no number yet, for seconds",
        scope="account",
        columns=columns(hidden="account_id change type at conversation_id subject_id"),
    ),
    Table(
        name="feed_events",
        holds="the feed: numbers, types and ids of changes, without content",
        scope="account",
        columns=columns(hidden="account_id number type at conversation_id subject_id digest"),
    ),
    Table(
        name="feed_positions",
        holds="how far the feed is numbered",
        scope="account",
        columns=columns(hidden="account_id last_number epoch digest"),
    ),
    Table(
        name="accounts",
        holds="names and settings of accounts",
        scope="account",
        columns=columns(
            "account_id name created_at ai_provider widget_origins passes_revoked_at retention_days erased_before "
            "ai_daily_tokens ai_daily_dollars disabled_at ai_min_confidence widget_look read_on_view ai_company "
            "ai_voice ai_policies"
        ),
    ),
)
"""All tables of accounts, each before those that its foreign keys refer to."""

DELETION_ORDER = sorted(TABLES, key=lambda table: not table.is_deleted_first)
"""The order in which the rows of an account are deleted."""

OTHER_TABLES = {
    "schema_migrations": "names and checksums of migrations",
    "epochs": "the epoch of the data: one row",
    "event_stream": "the number of shards of the event stream: one row",
    "erasures": "receipts: ids and counts of what was erased; kept as evidence, also of an erased account",
    "file_deletions": "ids of deleted files, until the relay has deleted their objects; also of an erased account",
}

EXPIRES_WITH_STREAM = "10 minutes, by the relay also in an idle stream"

KEYS: tuple[Key, ...] = (
    Key(
        pattern="hummdesk:{events:*}",
        holds="published events with their payloads",
        erasure="entries with content are deleted; events that replace it are added",
        lifetime=EXPIRES_WITH_STREAM,
    ),
    Key(
        pattern="hummdesk:{events:*}:tip",
        holds="the id of the last entry",
        erasure="holds nothing about a person",
        lifetime="kept",
    ),
    Key(
        pattern="hummdesk:{events:*}:epoch",
        holds="the epoch of the data in PostgreSQL, and the last split of the shard",
        erasure="holds nothing about a person",
        lifetime="kept",
    ),
    Key(
        pattern="hummdesk:{events:*}:writer:*",
        holds="the number of a process's last write",
        erasure="holds nothing about a person",
        lifetime="1 hour",
    ),
    Key(
        pattern="hummdesk:{events:*}:mark:*",
        holds="ids of published events",
        erasure="holds ids only; set for results of erased messages, so that none is published later",
        lifetime="1 hour",
    ),
    Key(
        pattern="hummdesk:recovery:*",
        holds="person and rooms of a connected or recoverable socket, as ids",
        erasure="deleted",
        lifetime="RECOVERY_WINDOW_SECONDS after the disconnect, at most 1 hour",
    ),
    Key(
        pattern="hummdesk:viewers:*",
        holds="names of the staff viewing a conversation",
        erasure="names no customer",
        lifetime="PRESENCE_LEASE_SECONDS",
    ),
    Key(
        pattern="hummdesk:queues:*",
        holds="positions of conversations in queues, by their ids",
        erasure="names no customer",
        lifetime="1 day",
    ),
    Key(
        pattern="hummdesk:drafting:*",
        holds="the draft that is being generated for a conversation, as far as it is shown",
        erasure="deleted",
        lifetime="until it is whole, at most 1 minute",
    ),
    Key(
        pattern="hummdesk:assist:*",
        holds="the text that an agent has the AI translate or rewrite, and who the agent is",
        erasure="deleted",
        lifetime="until it is done, at most AI_DEADLINE_SECONDS",
    ),
    Key(
        pattern="hummdesk:presence:*",
        holds="ids and status of agents",
        erasure="deleted with the account",
        lifetime="PRESENCE_TTL_SECONDS",
    ),
    Key(
        pattern="hummdesk:{events:*}:presence:*",
        holds="ids and status of agents, in a Redis Cluster",
        erasure="deleted with the account",
        lifetime="PRESENCE_TTL_SECONDS",
    ),
    Key(
        pattern="hummdesk:sockets:*",
        holds="numbers of sockets of an account",
        erasure="deleted with the account",
        lifetime="PRESENCE_LEASE_SECONDS",
    ),
    Key(
        pattern="hummdesk:nodes",
        holds="numbers of sockets of each web process",
        erasure="holds nothing about a person",
        lifetime="kept while a process reports",
    ),
    Key(
        pattern="hummdesk:limit:*",
        holds="used rates of addresses, persons and accounts",
        erasure="expires",
        lifetime="minutes",
    ),
    Key(
        pattern="hummdesk:queue-lengths",
        holds="numbers of waiting Celery tasks",
        erasure="holds nothing about a person",
        lifetime="kept",
    ),
    Key(
        pattern="hummdesk:celery:*",
        holds="ids of AI runs that wait for a worker",
        erasure="holds ids only; the runs are ended",
        lifetime="until a worker takes them",
    ),
)

FILES: tuple[File, ...] = (
    File(
        module="hummdesk/storage/file_store.py",
        holds="the bytes of attached files and thumbnails of images, in FILE_STORE",
        erasure="deleted by the relay after the row of the file, until the store confirms it",
    ),
    File(
        module="hummdesk/operator/archive.py",
        holds="the archive of `contact export` or `account export`, mode 0600",
        erasure="by the operator, once it is handed over",
    ),
    File(
        module="hummdesk/operator/ai.py",
        holds="articles for a trial of the AI, in a temporary directory",
        erasure="removed at the end of the command",
    ),
    File(
        module="hummdesk/core/temporary.py",
        holds="metrics of processes; account ids as labels",
        erasure="removed when the process ends",
    ),
    File(
        module="hummdesk/core/priority.py",
        holds="the priority of a session, in the kernel",
        erasure="holds no data",
    ),
    File(
        module="hummdesk/engine/handover.py",
        holds="sockets between the processes of one port",
        erasure="holds no data",
    ),
    File(
        module="hummdesk/dev/home.py",
        holds="settings and secrets of `up`",
        erasure="with the directory; holds nothing about a customer",
    ),
    File(
        module="hummdesk/dev/process.py",
        holds="process ids, and the logs of `up`, which contain no content and no token",
        erasure="with the directory",
    ),
    File(
        module="hummdesk/dev/redis.py",
        holds="the data of the bundled Redis, with its append-only file",
        erasure="removed entries leave it when Redis rewrites the file",
    ),
    File(
        module="hummdesk/dev/postgres.py",
        holds="the programs of the bundled PostgreSQL; its data directory has the tables above",
        erasure="holds no data",
    ),
    File(module="hummdesk/dev/directories.py", holds="the data directories of `up`", erasure="with the directory"),
    File(module="hummdesk/dev/up.py", holds="metrics of processes", erasure="when `up` ends"),
    File(module="hummdesk/dev/nodejs.py", holds="a mark of installed packages", erasure="holds no data"),
)


def table(name: str) -> Table:
    return next(one for one in TABLES if one.name == name)
