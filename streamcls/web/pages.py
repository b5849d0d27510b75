"""The page itself, and the form that asks for the token."""

from collections.abc import Mapping
from html import escape
from math import ceil
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles

from streamcls.web.problems import TITLES, Problem
from streamcls.web.rate import RateLimit
from streamcls.web.tokens import COOKIE, Tokens

STATIC = Path(__file__).parent / "static"
_TRIES_PER_S, _TRIES = 0.2, 5  # of a client that does not know the token
_WORDS = {
    "en": ("Token", "Log in", "Wrong token.", "Too many tries; wait a minute."),
    "zh-Hans": ("令牌", "登录", "令牌不正确。", "尝试次数过多, 请稍后再试。"),
}
_FORM = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>streamcls</title><link rel="icon" href="/static/icon.svg">
<script src="/static/login.js"></script>
<link rel="stylesheet" href="/static/style.css"><link rel="stylesheet" href="/static/login.css">
</head>
<body class="login"><main>
<h1><img src="/static/icon.svg" alt="" width="36" height="36">streamcls</h1>
<form method="post" action="/login" class="card"><p role="alert">{message}</p>
<label for="token">{token}</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit" class="button primary">{log_in}</button></form></main></body></html>
"""


def add_page(app: FastAPI, tokens: Tokens) -> None:
    """Adds the page with its parts, and the form."""
    app.include_router(_routes(tokens), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC))


def _routes(tokens: Tokens) -> APIRouter:
    routes = APIRouter()
    tries = RateLimit(_TRIES_PER_S, _TRIES)

    @routes.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    @routes.get("/login")
    def form(request: Request) -> HTMLResponse:
        return _form(request.headers, "", 200)

    @routes.post("/login")
    async def log_in(
        request: Request, token: Annotated[str, Form(max_length=1000)] = ""
    ) -> Response:
        client = request.client.host if request.client is not None else ""
        wait_s = tries.wait_s(client, only_look=True) if tokens.needed else 0.0
        if wait_s:  # the token is not even looked at, or the bound would be none
            return _form(request.headers, "many", 429, {"Retry-After": str(ceil(wait_s))})
        if not tokens.needed or tokens.is_right(token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(
                COOKIE,
                tokens.begin(),
                httponly=True,
                samesite="strict",
                secure=request.headers.get("origin", "").startswith("https:"),
            )
            return answer
        tries.wait_s(client)
        return _form(request.headers, "wrong", 401)

    @routes.post("/logout")
    def log_out(request: Request) -> RedirectResponse:
        tokens.end(request.headers)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer

    @routes.get("/problems/{code}")
    def problem(code: str) -> PlainTextResponse:
        if code not in TITLES:
            raise Problem(404, "not_found", "there is no such problem")
        return PlainTextResponse(f"{TITLES[code]}\n")

    return routes


def _form(
    headers: Headers, trouble: str, status: int, more: Mapping[str, str] | None = None
) -> HTMLResponse:
    languages = headers.get("accept-language", "").lower()
    lang = "zh-Hans" if languages.startswith("zh") else "en"
    token, log_in, wrong, many = _WORDS[lang]
    message = {"wrong": wrong, "many": many}.get(trouble, "")
    text = _FORM.format(lang=lang, token=token, log_in=log_in, message=escape(message))
    return HTMLResponse(text, status, more)
