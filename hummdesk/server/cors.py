"""The origins that CORS_ORIGIN, WIDGET_ORIGINS and CONSOLE_ORIGINS allow."""

from typing import Any

from hummdesk.core.config import Settings

ANY = "*"


def named_origins(origins: str) -> list[str]:
    """Return the origins that a setting names; none if it is empty or allows any."""
    named = [origin.strip().rstrip("/") for origin in origins.split(",")]
    return [origin for origin in named if origin not in ("", ANY)]


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the origins that may connect as options of the engine: the server's own, and those of the settings."""
    if ANY in (settings.cors_origin, settings.widget_origins):
        return {"cors_allowed_origins": ANY, "cors_credentials": False}
    named = named_origins(settings.cors_origin) + named_origins(settings.widget_origins)
    return {"cors_allowed_origins": named} if named else {}
