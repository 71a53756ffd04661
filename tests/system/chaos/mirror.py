"""A client that loads the state once and then updates it from events alone."""

from typing import Any

from tests.system.chaos.client import Client

State = dict[str, Any]
COLUMNS = ("status", "priority", "assignedTo", "assignedTeam", "lastSeq", "unreadCount")


class Mirror(Client):
    """The state that an agent or viewer sees: all conversations, the messages of the joined ones, and presence."""

    state: State
    _buffered: list[tuple[str, Any]] | None = None
    """Events received while the state is loaded; they are applied after it."""

    def _receive(self, event: str, payload: Any = None, offset: str = "") -> None:
        super()._receive(event, payload, offset)
        if self._buffered is not None:
            self._buffered.append((event, payload))
        elif hasattr(self, "state"):
            apply(self.state, event, payload)

    async def _recover(self) -> None:
        """Load presence, which is not replayed; then apply the events since, also those of interrupted recoveries."""
        self._buffered = self._buffered or []
        self.state["agents"] = await fetch_agents(self)
        self._apply_buffered()

    async def _catch_up(self) -> None:
        self._buffered = []
        await super()._catch_up()
        self.state = await fetch_state(self)
        self._apply_buffered()

    def _apply_buffered(self) -> None:
        buffered, self._buffered = self._buffered or [], None
        for event, payload in buffered:
            apply(self.state, event, payload)


async def fetch_state(client: Client) -> State:
    """Load the state as a new client does."""
    listed = (await client.request("list_conversations", {"limit": 100}))["conversations"]
    messages: dict[str, dict[int, str]] = {}
    for conversation in client.views:
        found = (await client.request("get_messages", {"conversationId": conversation, "afterSeq": 0, "limit": 100}))[
            "messages"
        ]
        messages[conversation] = {message["seq"]: message["messageId"] for message in found}
    return {
        "conversations": {one["conversationId"]: _counted(_row(one)) for one in listed},
        "messages": messages,
        "agents": await fetch_agents(client),
    }


async def fetch_agents(client: Client) -> dict[str, str]:
    response = await client.request("get_presence", None)
    return {agent["agentId"]: agent["status"] for agent in response["agents"]}


def _row(conversation: dict[str, Any]) -> dict[str, Any]:
    last = conversation.get("lastMessage")
    return {name: conversation.get(name) for name in COLUMNS} | {"lastMessage": last and last["messageId"]}


def _counted(row: dict[str, Any]) -> dict[str, Any]:
    """A row with what its count is of: the messages up to a seq, and later ones of the customer."""
    return row | {"countedTo": row["lastSeq"], "counted": []}


def apply(state: State, event: str, payload: Any) -> None:
    """Apply an event to the state by the rules of the client guide."""
    conversations = state["conversations"]
    match event:
        case "conversation_created" | "conversation_updated":
            _update(conversations, payload)
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
        case "unread_changed":
            _count(conversations[payload["conversationId"]], payload)
        case "agent_online" | "agent_offline":
            state["agents"][payload["agentId"]] = payload["status"]
        case "agent_status_changed":
            state["agents"][payload["agentId"]] = payload["newStatus"]


def _update(conversations: State, conversation: dict[str, Any]) -> None:
    """Take over what has changed but the count, which each agent keeps."""
    known = conversations.get(conversation["conversationId"]) or _counted({"unreadCount": 0, "lastSeq": 0})
    conversations[conversation["conversationId"]] = known | {
        name: value for name, value in _row(conversation).items() if name != "unreadCount"
    }


def _count(row: dict[str, Any], change: dict[str, Any]) -> None:
    """Take over a count, unless it is older than the known one, and add the customer's later messages."""
    if change["lastSeq"] < row["countedTo"]:
        return
    row["counted"] = [seq for seq in row["counted"] if seq > change["lastSeq"]]
    row |= {"countedTo": change["lastSeq"], "unreadCount": change["unreadCount"] + len(row["counted"])}


def _message(state: State, row: dict[str, Any], message: dict[str, Any]) -> None:
    known = state["messages"].get(message["conversationId"])
    if known is not None:
        known[message["seq"]] = message["messageId"]
    if message["seq"] > row["lastSeq"]:
        row |= {"lastSeq": message["seq"], "lastMessage": message["messageId"]}
    if (
        message["senderType"] == "customer"
        and message["seq"] > row["countedTo"]
        and message["seq"] not in row["counted"]
    ):
        row["counted"].append(message["seq"])
        row["unreadCount"] += 1
