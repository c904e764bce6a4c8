"""The page: files read once and served from memory; no path of a request is one of ours."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from services.gateway.problems import problem

FOLDER = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """One file of the page."""

    data: bytes
    media_type: str
    etag: str


def load(folder: Path = FOLDER) -> dict[str, Asset]:
    """Read the page's files, by the path that they are served under."""
    return {
        f"/page/{path.relative_to(folder).as_posix()}": _asset(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES
    }


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    return Asset(data, TYPES[path.suffix], f'"{hashlib.sha256(data).hexdigest()[:16]}"')


def page_router(assets: dict[str, Asset]) -> APIRouter:
    """The routes of the page: `/`, `/docs`, and its files under `/page/`."""
    router = APIRouter(include_in_schema=False, default_response_class=Response)

    async def index(request: Request) -> Response:
        return _serve(assets.get("/page/index.html"), request)

    async def docs(request: Request) -> Response:
        return _serve(assets.get("/page/docs.html"), request)

    async def asset(request: Request) -> Response:
        return _serve(assets.get(request.url.path), request)

    router.add_api_route("/", index)
    router.add_api_route("/docs", docs)
    router.add_api_route("/page/{path:path}", asset)
    return router


def _serve(asset: Asset | None, request: Request) -> Response:
    if asset is None:
        return problem(404, "not_found", "expected a file of the page, but there is none")
    headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(None, 304, headers)
    return Response(asset.data, 200, headers, asset.media_type)
