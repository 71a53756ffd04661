"""Keep a copy of an account by its feed, and check that nothing is missing: `python mirror.py DESK_URL API_KEY`."""

import asyncio
import hashlib
import sys

import aiohttp

NO_DIGEST = 64 * "0"
"""The digest before number 1."""


def digest_after(digest, events):
    """Return the digest of the last event; `digest` is that of the event before the first one."""
    for event in events:
        ids = event.get("conversationId", ""), event["subjectId"]
        line = "\n".join([str(event["number"]), event["type"], *ids])
        digest = hashlib.sha256(bytes.fromhex(digest) + line.encode()).hexdigest()
    return digest


CHANGED = {
    # No event has a field "none": a change of the status clears the rating, and ends a merge.
    "conversation_status_changed": {
        "status": "newStatus",
        "snoozedUntil": "snoozedUntil",
        "rating": "none",
        "continuedIn": "none",
    },
    "conversation_continued": {"continuedIn": "continuedIn"},
    "conversation_merged": {"continuedIn": "continuedIn"},
    "conversation_rated": {"rating": "rating"},
    "conversation_assigned": {"assignedTo": "assignedTo", "assignedTeam": "assignedTeam"},
    "conversation_unassigned": {"assignedTo": "assignedTo", "assignedTeam": "assignedTeam"},
}
"""By type of event the fields of a conversation that it changes, and the names of their values; missing: none."""


class Mirror:
    """The state of an account. Messages, people and conversations are those of the REST API, by id."""

    def __init__(self):
        self.number, self.digest = 0, NO_DIGEST
        self.people, self.messages, self.read_seqs = {}, {}, {}
        self._conversations = {}

    def apply_page(self, page):
        """Apply an answer of the feed. Raise ValueError if an event is missing or is not the one that was numbered."""
        numbers = [event["number"] for event in page["events"]]
        if numbers != list(range(self.number + 1, page["completeTo"] + 1)):
            raise ValueError(f"events are missing after number {self.number}")
        if digest_after(self.digest, page["events"]) != page["digest"]:
            raise ValueError(f"the digest of number {page['completeTo']} differs: read the whole state again")
        for event in page["events"]:
            self.apply(event["type"], event.get("conversationId"), event["subjectId"], event["data"])
        self.number, self.digest = page["completeTo"], page["digest"]

    def apply(self, kind, conversation_id, subject_id, data):
        """Apply an event. Repeats change nothing."""
        conversation = self._conversations.setdefault(conversation_id, {})
        for field, name in CHANGED.get(kind, {}).items():
            conversation[field] = data.get(name)
        if kind == "conversation_priority_changed":
            conversation["priority"] = data["newPriority"]
        elif kind == "conversation_labels_changed":
            conversation["labelIds"] = data["newLabelIds"]
        elif kind in ("conversation_created", "conversation_updated"):
            conversation.update({"subject": None, "snoozedUntil": None} | data)
        elif kind in ("new_message", "message_updated"):
            self.messages[subject_id] = data
        elif kind == "message_read" and data.get("readByType") == "agent":
            self.read_seqs[conversation_id] = max(self.read_seqs.get(conversation_id, 0), data["seq"])
        elif kind.startswith(("contact_", "user_", "team_")):
            self.people[subject_id] = data
        if kind in CHANGED or kind == "new_message":
            conversation["updatedAt"] = max(conversation.get("updatedAt", ""), data["timestamp"])
        if data.get("deleted"):
            self.people.pop(subject_id, None)

    def conversations(self):
        """Return the conversations as the REST API shows them, by id."""
        return {one: self._shown(one) for one, found in self._conversations.items() if "conversationId" in found}

    def _shown(self, conversation_id):
        conversation = dict(self._conversations[conversation_id])
        messages = [one for one in self.messages.values() if one["conversationId"] == conversation_id]
        messages.sort(key=lambda message: message["seq"])
        contact = self.people.get(conversation["customer"]["id"], {})
        known = {name: contact[name] for name in ("name", "email", "avatar") if name in contact}
        customer = {name: value for name, value in conversation["customer"].items() if name != "avatar"} | known
        read = self.read_seqs.get(conversation_id, 0)
        asked = [one for one in messages if one["senderType"] == "customer" and not one["private"]]
        conversation |= {
            "customer": customer,
            "lastSeq": messages[-1]["seq"] if messages else 0,
            "lastMessage": messages[-1] if messages else None,
            "revision": max((message.get("revision", 0) for message in messages), default=0),
            "unreadCount": sum(message["seq"] > read for message in asked),
        }
        return {name: value for name, value in conversation.items() if value is not None}


async def main(desk_url, api_key):
    mirror = Mirror()
    async with aiohttp.ClientSession(desk_url, headers={"Authorization": f"Bearer {api_key}"}) as desk:
        while True:
            query = {"after": mirror.number, "wait": 30, "limit": 500}
            async with desk.get("/api/v1/feed", params=query, raise_for_status=True) as answer:
                mirror.apply_page(await answer.json())
            print(f"{len(mirror.conversations())} conversations, complete up to {mirror.number}: {mirror.digest}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
