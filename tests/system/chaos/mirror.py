"""A client that keeps the state of the desk as a front end does: told once, then kept up to date by events alone."""

from typing import Any

from tests.system.chaos.client import Client

State = dict[str, Any]
COLUMNS = ("status", "priority", "assignedTo", "assignedTeam", "lastSeq", "unreadCount")


class Mirror(Client):
    """Of an agent or viewer: every conversation of the account, the messages of those it follows, who is there."""

    state: State
    _held: list[tuple[str, Any]] | None = None
    """Events that came while the state was asked for; they belong on top of it."""

    def _hear(self, event: str, payload: Any = None, offset: str = "") -> None:
        super()._hear(event, payload, offset)
        if self._held is not None:
            self._held.append((event, payload))
        elif hasattr(self, "state"):
            apply(self.state, event, payload)

    async def _recover(self) -> None:
        """Who is there is not replayed."""
        self._held = []
        self.state["agents"] = await ask_agents(self)
        self._take_held()

    async def _catch_up(self) -> None:
        self._held = []
        await super()._catch_up()
        self.state = await ask_state(self)
        self._take_held()

    def _take_held(self) -> None:
        held, self._held = self._held or [], None
        for event, payload in held:
            apply(self.state, event, payload)


async def ask_state(client: Client) -> State:
    """What a fresh client is told."""
    listed = (await client.ask("list_conversations", {"limit": 100}))["conversations"]
    messages: dict[str, dict[int, str]] = {}
    for conversation in client.talks:
        found = (await client.ask("get_messages", {"conversationId": conversation, "afterSeq": 0, "limit": 100}))[
            "messages"
        ]
        messages[conversation] = {message["seq"]: message["messageId"] for message in found}
    return {
        "conversations": {one["conversationId"]: _row(one) for one in listed},
        "messages": messages,
        "agents": await ask_agents(client),
    }


async def ask_agents(client: Client) -> dict[str, str]:
    answer = await client.ask("get_presence", None)
    return {agent["agentId"]: agent["status"] for agent in answer["agents"]}


def _row(conversation: dict[str, Any]) -> dict[str, Any]:
    last = conversation.get("lastMessage")
    return {name: conversation.get(name) for name in COLUMNS} | {"lastMessage": last and last["messageId"]}


def apply(state: State, event: str, payload: Any) -> None:
    """What an event changes; the rules that README gives to who writes a client."""
    conversations = state["conversations"]
    match event:
        case "conversation_created" | "conversation_updated":
            conversations[payload["conversationId"]] = _row(payload)
        case "conversation_status_changed":
            conversations[payload["conversationId"]]["status"] = payload["newStatus"]
        case "conversation_assigned":
            conversations[payload["conversationId"]] |= {
                "assignedTo": payload["assignedTo"],
                "assignedTeam": payload.get("assignedTeam"),
            }
        case "conversation_unassigned":
            conversations[payload["conversationId"]] |= {"assignedTo": None, "assignedTeam": None}
        case "new_message":
            _message(state, conversations[payload["conversationId"]], payload)
        case "agent_online" | "agent_offline":
            state["agents"][payload["agentId"]] = payload["status"]
        case "agent_status_changed":
            state["agents"][payload["agentId"]] = payload["newStatus"]


def _message(state: State, row: dict[str, Any], message: dict[str, Any]) -> None:
    known = state["messages"].get(message["conversationId"])
    if known is not None:
        known[message["seq"]] = message["messageId"]
    if message["seq"] > row["lastSeq"]:
        row |= {"lastSeq": message["seq"], "lastMessage": message["messageId"]}
        row["unreadCount"] += message["senderType"] == "customer"
