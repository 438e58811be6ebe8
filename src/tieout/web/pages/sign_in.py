"""Signing in and out, and one's own account."""

from collections import deque
from datetime import datetime, timedelta
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.response import Redirect

from tieout.http.callers import Req, caller_of, cookie_name, is_secure
from tieout.http.problems import Trouble
from tieout.policy.duties import DUTIES
from tieout.web.site import Site

_WRONG = "Name or password is wrong."


class Attempts:
    """How often somebody tried lately: by name and by address, in this process."""

    def __init__(self, most: int, within: timedelta) -> None:
        self._most = most
        self._within = within
        self._tries: dict[str, deque[datetime]] = {}

    def wait(self, keys: tuple[str, ...], now: datetime) -> int:
        """Note a try; returns the seconds to wait when there were too many, else 0."""
        longest = 0
        for key in keys:
            tries = self._tries.setdefault(key, deque(maxlen=self._most))
            if len(tries) == self._most and now - tries[0] < self._within:
                longest = max(longest, 1 + int((tries[0] + self._within - now).total_seconds()))
            else:
                tries.append(now)
        if len(self._tries) > 10_000:
            self._tries.clear()
        return longest

    def forget(self, key: str) -> None:
        """Somebody got in."""
        self._tries.pop(key, None)


def routes(site: Site) -> list[HTTPRouteHandler]:
    """GET and POST /sign-in, POST /sign-out, GET /account."""
    door = site.door
    within = timedelta(seconds=door.limits.sign_in_seconds)
    attempts = Attempts(door.limits.sign_in_attempts_max, within)

    @get("/sign-in", include_in_schema=False)
    async def show(request: Req, back: FromQuery[str] = "/") -> Response[Any]:
        if request.scope.get("user"):
            return Redirect(_own(back), status_code=303)
        return site.render(request, "sign_in.html", back=_own(back), name="", refused="")

    @post("/sign-in", include_in_schema=False)
    async def sign_in(request: Req) -> Response[Any]:
        data = await request.form()
        name, password = str(data.get("name", "")).strip().lower()[:64], str(data.get("password", ""))[:1024]
        back = _own(str(data.get("back", "/")))
        address = request.client.host if request.client else ""
        wait = attempts.wait((f"name {name}", f"address {address}"), door.now())
        if wait:
            trouble = Trouble("too_many_attempts", f"wait {wait} seconds, then try again")
            if "text/html" not in request.headers.get("accept", ""):
                raise Trouble("too_many_attempts", trouble.detail, headers={"Retry-After": str(wait)})
            return site.render(
                request,
                "sign_in.html",
                status_code=429,
                back=back,
                name=name,
                refused=f"Too many attempts: {trouble.detail}.",
            )
        person = await door.slowly(door.people.verify, name, password)
        if person is None:
            return site.render(request, "sign_in.html", status_code=401, back=back, name=name, refused=_WRONG)
        attempts.forget(f"name {name}")
        token = await door.write(door.people.sign_in, person)
        answer: Response[Any] = Redirect("/portal" if person.supplier_id else back, status_code=303)
        secure = is_secure(request)
        answer.set_cookie(
            key=cookie_name(secure), value=token, path="/", httponly=True, samesite="lax", secure=secure, max_age=43_200
        )
        return answer

    @post("/sign-out", include_in_schema=False)
    async def sign_out(request: Req) -> Response[Any]:
        await site.form(request)
        name = cookie_name(is_secure(request))
        await door.write(door.people.sign_out, request.cookies.get(name, ""))
        answer: Response[Any] = Redirect("/sign-in", status_code=303)
        answer.delete_cookie(key=name, path="/")
        return answer

    @get("/account", include_in_schema=False)
    async def account(request: Req) -> Response[Any]:
        caller = caller_of(request)
        keys = await door.write(door.people.keys, caller.person.name)
        return site.render(request, "account.html", duties=DUTIES, keys=keys)

    return [show, sign_in, sign_out, account]


def _own(back: str) -> str:
    """Only a path of our own: never another site."""
    plain = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
    return back if plain else "/"
