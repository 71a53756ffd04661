"""The console, the widget and the other pages, built from web/ into hummdesk/web/ by `make web`."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, json, raw, text

BUILT = Path(__file__).parents[2] / "web"
HASHED = "assets"
"""The folder of the files whose names contain a hash of their content."""

PAGES = {
    "/": "index.html",
    "/c/<conversation_id:uuid>": "index.html",
    "/settings": "index.html",
    "/settings/<section:path>": "index.html",
    "/supervisor": "index.html",
    "/supervisor/<list:path>": "index.html",
    "/sign-in": "index.html",
    "/sign-in/<account:str>": "index.html",
    "/ops": "ops.html",
}
DEMO_PAGES = {"/demo/shop": "shop.html"}
"""The file of each page by its path, and those for development. Every other file is served under its own name."""

SECURITY = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""Pages run only their own scripts, do not parse strings as HTML, and cannot be framed."""

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
MODULES = ("upload.js",)
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""The suffixes of the compressed files, the smallest first."""

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
NOT_BUILT = "The pages are not built. Run `make web` and restart; everything else works without them.\n"


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    compressed: dict[str, bytes]
    headers: dict[str, str]

    def answer(self, request: Request[Any, Any]) -> HTTPResponse:
        if request.headers.get("If-None-Match") == self.headers["ETag"]:
            return raw(b"", status=304, headers=self.headers)
        accepted = {part.split(";")[0].strip() for part in request.headers.get("Accept-Encoding", "").split(",")}
        for encoding, content in self.compressed.items():
            if encoding in accepted:
                return self._answer(content, {"Content-Encoding": encoding})
        return self._answer(self.content, {})

    def _answer(self, content: bytes, headers: dict[str, str]) -> HTTPResponse:
        return raw(content, headers=self.headers | headers, content_type=self.headers["Content-Type"])


def blueprint(built: Path, *, openers: list[str], with_demo: bool = False) -> Blueprint:
    """Serve the files as they are at the start; a later build needs a restart.

    Pages of the origins `openers` may open the console and pass it a token, which needs a relaxed opener policy.
    """
    routes = Blueprint("pages")
    policies = SECURITY | ({"Cross-Origin-Opener-Policy": "unsafe-none"} if openers else {})

    @routes.get("/console/origins")
    async def origins(_: Request[Any, Any]) -> HTTPResponse:
        return json({"origins": openers}, headers={"Cache-Control": REVALIDATE})

    for path, name in (PAGES | DEMO_PAGES if with_demo else PAGES).items():
        _add(routes, path, _read(built / name, policies) if (built / name).exists() else None)
    for found in sorted(built.rglob("*")):
        path = f"/{found.relative_to(built).as_posix()}"
        if found.suffix in KINDS and found.suffix != ".html":
            _add(routes, path, _read(found, policies))
    return routes


def _add(routes: Blueprint, path: str, file: File | None) -> None:
    async def page(request: Request[Any, Any], **_: object) -> HTTPResponse:
        return file.answer(request) if file else text(NOT_BUILT, status=503)

    routes.add_route(page, path, methods=["GET", "HEAD"], name=re.sub(r"\W+", "_", path).strip("_") or "console")


def _read(path: Path, policies: dict[str, str]) -> File:
    content = path.read_bytes()
    others = {encoding: path.with_name(path.name + suffix) for encoding, suffix in ENCODINGS.items()}
    headers = {
        "Content-Type": KINDS[path.suffix],
        "Cache-Control": IMMUTABLE if path.parent.name == HASHED else REVALIDATE,
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Vary": "Accept-Encoding",
    }
    if path.suffix == ".json" or path.name in MODULES:  # the texts and modules of the widget, which other origins load
        headers["Access-Control-Allow-Origin"] = "*"
    compressed = {encoding: other.read_bytes() for encoding, other in others.items() if other.exists()}
    return File(content, compressed, headers | policies)
