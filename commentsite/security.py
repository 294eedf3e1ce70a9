"""What keeps strangers out: where a post may come from, what a response forbids, who seems to be asking."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import parse_qsl, urlsplit

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from .errors import InvalidInput, NotAllowed, WrongContentType

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with it a browser sends `Origin: null` with our own form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def init_app(app: Flask) -> None:
    """Check every unsafe request of `app` for its origin and harden every response."""
    hops = app.config["PROXY_HOPS"]
    if hops:
        # Host and prefix are not taken from headers: a proxy that does not set them passes on the visitor's own.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.extensions["commentsite.headers"] = headers = dict(HEADERS)
    if app.config["MARKDOWN_IMAGES"]:
        policy = headers["Content-Security-Policy"]
        headers["Content-Security-Policy"] = policy.replace("img-src 'self'", "img-src 'self' https:")
    app.session_interface = NoSessions()
    app.before_request(refuse_other_sites)
    app.after_request(add_headers)


def refuse_other_sites() -> None:
    """Raise NotAllowed for an unsafe request that a browser sent from another site.

    The order is that of the Go standard library's CrossOriginProtection: `Sec-Fetch-Site` where the
    browser sends it, else `Origin` against the host and the allowed origins. A request with neither
    is not a browser's and carries no cookie of ours.
    """
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    if origin in current_app.config["ALLOWED_ORIGINS"]:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        is_ours = fetch_site in ("same-origin", "none")
    else:
        is_ours = origin is None or host_of(origin) == request.host.lower()
    if not is_ours:
        raise NotAllowed(
            "This was sent from a page of another site, so it was not stored. If you wrote it, check the text and "
            "send it from here."
        )


def refuse_no_origin() -> None:
    """Raise NotAllowed for an unsafe request that does not say where it comes from.

    For what a cookie of ours allows: every browser of today says it, and a program has no such cookie by accident.
    """
    if "Sec-Fetch-Site" not in request.headers and "Origin" not in request.headers:
        raise NotAllowed("This browser does not say from which page it sends. Only the site's own page may do this.")


def host_of(origin: str) -> str | None:
    """Return host and port of an Origin header, lower case and without the scheme's own port; None if it has none."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return host if port in (None, {"http": 80, "https": 443}.get(parts.scheme)) else f"{host}:{port}"


def add_headers(response: Response) -> Response:
    response.headers.extend(current_app.extensions["commentsite.headers"])
    return response


class NoSessions(SessionInterface):
    """Opens no session: what readers and writers need is in cookies of their own, and most have none."""

    def open_session(self, app: Flask, request: Request) -> None:
        return None


def submitted_form() -> Mapping[str, str]:
    """Return the fields of the form that was sent, the first value of each.

    Raises WrongContentType for a body that is not a form, RequestEntityTooLarge for one over the limit,
    InvalidInput for one that is not UTF-8.
    """
    mimetype = request.mimetype
    if mimetype not in FORM_TYPES:
        raise WrongContentType("This address takes what its form sends: the fields of a form, not a file or JSON.")
    body = request.get_data()  # kept by werkzeug, so that it can be read again
    if len(body) >= current_app.config["MAX_CONTENT_LENGTH"] and request.content_length != len(body):
        raise RequestEntityTooLarge  # a body sent in chunks is cut at the limit without a word
    try:
        text = body.decode("utf-8")
        if mimetype == "multipart/form-data":
            return request.form.to_dict()
        # Not by `request.form`, which leaves out what is not UTF-8: to find that, it would all be decoded twice.
        return dict(reversed(parse_qsl(text, keep_blank_values=True, errors="strict")))
    except UnicodeDecodeError:
        raise InvalidInput(
            {"content": "Some characters did not arrive as UTF-8 text. Check the text below and send it again."}
        ) from None


def signer(purpose: str) -> URLSafeTimedSerializer:
    """Return what signs values for one `purpose` with the site's key, and tells when it did."""
    return _signer(current_app.config["SECRET_KEY"], purpose)


@lru_cache(maxsize=8)
def _signer(secret: str, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt=f"commentsite {purpose}")


def cookie_name(name: str) -> str:
    """Return the name of a cookie of ours; over HTTPS the browser itself guards one that begins with `__Host-`."""
    return f"__Host-commentsite-{name}" if request.is_secure else f"commentsite-{name}"


def set_cookie(response: BaseResponse, name: str, value: str, *, max_age_seconds: int) -> None:
    """Have the browser keep `value` under `name` for a time, or with 0 seconds forget it."""
    response.set_cookie(
        cookie_name(name),
        value,
        max_age=max_age_seconds,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def client_address() -> str:
    """Return the address of the client, or its /64 network for IPv6; empty where it is not one.

    Trusts as many `X-Forwarded-For` hops as PROXY_HOPS says, and no header where it says 0.
    """
    return _address(request.remote_addr or "")


@lru_cache(maxsize=128)
def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed, 64), strict=False))
    return str(address)


def sender_mark() -> str:
    """Return what tells the sender of this request from others, until one of both changes: address and browser."""
    return f"{client_address()} {request.headers.get('User-Agent', '')}"
