"""The function of each route."""

from hummdesk.server.api.dispatch import Function
from hummdesk.server.api.routes import audit, contacts, conversations, feed, keys, presence, teams, tokens, users

FUNCTIONS: dict[str, Function] = {
    function.__name__: function
    for function in (
        keys.create_key,
        keys.list_keys,
        keys.get_key,
        keys.rotate_key,
        keys.revoke_key,
        users.create_user,
        users.list_users,
        users.get_user,
        users.update_user,
        users.disable_user,
        users.enable_user,
        users.create_sign_in_link,
        teams.create_team,
        teams.list_teams,
        teams.get_team,
        teams.update_team,
        teams.list_team_members,
        teams.add_team_members,
        teams.remove_team_member,
        contacts.upsert_contact,
        contacts.list_contacts,
        contacts.get_contact,
        contacts.update_contact,
        audit.list_audit_entries,
        conversations.list_conversations,
        conversations.create_conversation,
        conversations.get_conversation,
        conversations.update_conversation,
        conversations.list_messages,
        conversations.send_message,
        conversations.list_conversation_events,
        presence.get_presence,
        tokens.create_token,
        tokens.get_me,
        feed.get_feed,
    )
}
"""By the name of the route, which is also that of the function. A test compares them with the contract."""
