"""The pages that people see, built from web/ into hummdesk/web/ by `make web`."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sanic import Blueprint, Request
from sanic.response import HTTPResponse, json, raw, text

BUILT = Path(__file__).parents[2] / "web"
HASHED = "assets"
"""The folder of the files that have a hash of their content in their name."""

PAGES = {"/": "index.html", "/ops": "ops.html"}
DEMO_PAGES = {"/demo/shop": "shop.html"}
"""By path the file of each page, and of those for development. Every other file has its own name for a path."""

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
    "X-Content-Type-Options": "nosniff",
}
"""Nothing runs in a page but scripts of ours, nothing turns a string into HTML there, and no other page frames it."""

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""What the build compressed with, the smallest first."""

FOREVER = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
NOT_BUILT = "The pages were not built. Run `make web` and start again; everything else works without them.\n"


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
    """The files as they are now: a later build is seen after the next start.

    Pages of the origins `openers` may open the console and hand it a token, for which the two have to see each other.
    """
    routes = Blueprint("pages")
    policies = SECURITY | ({"Cross-Origin-Opener-Policy": "unsafe-none"} if openers else {})

    @routes.get("/console/origins")
    async def origins(_: Request[Any, Any]) -> HTTPResponse:
        return json({"origins": openers}, headers={"Cache-Control": ASK_EACH_TIME})

    for path, name in (PAGES | DEMO_PAGES if with_demo else PAGES).items():
        _add(routes, path, _read(built / name, policies) if (built / name).exists() else None)
    for found in sorted(built.rglob("*")):
        path = f"/{found.relative_to(built).as_posix()}"
        if found.suffix in KINDS and found.suffix != ".html":
            _add(routes, path, _read(found, policies))
    return routes


def _add(routes: Blueprint, path: str, file: File | None) -> None:
    async def page(request: Request[Any, Any]) -> HTTPResponse:
        return file.answer(request) if file else text(NOT_BUILT, status=503)

    routes.add_route(page, path, methods=["GET", "HEAD"], name=path.strip("/").translate(_NAME) or "console")


_NAME = str.maketrans(dict.fromkeys("/.-", "_"))
"""What Sanic refuses in the name of a route."""


def _read(path: Path, policies: dict[str, str]) -> File:
    content = path.read_bytes()
    others = {encoding: path.with_name(path.name + suffix) for encoding, suffix in ENCODINGS.items()}
    headers = {
        "Content-Type": KINDS[path.suffix],
        "Cache-Control": FOREVER if path.parent.name == HASHED else ASK_EACH_TIME,
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Vary": "Accept-Encoding",
    }
    compressed = {encoding: other.read_bytes() for encoding, other in others.items() if other.exists()}
    return File(content, compressed, headers | policies)
