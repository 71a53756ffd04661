"""The origins that CORS_ORIGIN allows."""

from typing import Any

ANY = "*"


def named_origins(cors_origin: str) -> list[str]:
    """Return the origins that CORS_ORIGIN names; none if it is empty or allows any."""
    named = [origin.strip().rstrip("/") for origin in cors_origin.split(",")]
    return [origin for origin in named if origin not in ("", ANY)]


def engine_options(cors_origin: str) -> dict[str, Any]:
    """Return CORS_ORIGIN as options of the engine; if it is empty, only the server's own origin is allowed."""
    if not cors_origin:
        return {}
    if cors_origin == ANY:
        return {"cors_allowed_origins": ANY, "cors_credentials": False}
    return {"cors_allowed_origins": named_origins(cors_origin)}
