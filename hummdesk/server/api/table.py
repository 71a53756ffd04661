"""The function of each route."""

from hummdesk.server.api.dispatch import Function
from hummdesk.server.api.routes import audit, keys

FUNCTIONS: dict[str, Function] = {
    function.__name__: function
    for function in (
        keys.create_key,
        keys.list_keys,
        keys.get_key,
        keys.rotate_key,
        keys.revoke_key,
        audit.list_audit_entries,
    )
}
"""By the name of the route, which is also that of the function. A test compares them with the contract."""
