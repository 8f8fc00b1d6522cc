"""What goes wrong: a request that is refused, an upstream that fails, a client that has left.

`ApiError` is what the client sees, in the form of OpenAI's errors. It does not decide what is done about a failure.
"""

from __future__ import annotations

from typing import Any, Literal

UpstreamKind = Literal["unavailable", "too_long", "busy", "setup", "rejected"]


class ApiError(Exception):
    """A request that ends without an answer. status: HTTP's; code and param: as OpenAI's errors have them."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status, self.message, self.code, self.param = status, message, code, param
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        """The error as a JSON object."""
        if self.status in (401, 403):
            kind = "authentication_error"
        elif self.status == 429:
            kind = "rate_limit_error"
        else:
            kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        """Headers beside the body."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, round(self.retry_after)))}


class UpstreamError(Exception):
    """A call that the upstream did not answer.

    kind: `unavailable`: no connection, 5xx, time-out, an answer that cannot be read or broke off; `too_long`: the
    prompt does not fit the model; `busy`: it asks to wait; `setup`: wrong key, path or model, which no other route
    mends; `rejected`: it refuses the request's own fields. begun: part of the answer has reached the client.
    """

    def __init__(self, kind: UpstreamKind, message: str, *, after: float | None = None) -> None:
        self.kind, self.message, self.after = kind, message, after
        self.begun = False
        super().__init__(message)

    def told(self) -> ApiError:
        """What the client is told, where no other route is left."""
        if self.kind == "too_long":
            return ApiError(400, f"The documents do not fit the model: {self.message}", code="context_length_exceeded")
        if self.kind == "busy":
            return ApiError(
                429, f"The upstream is busy: {self.message}", code="upstream_busy", retry_after=self.after or 1.0
            )
        if self.kind == "rejected":
            return ApiError(400, f"The upstream refuses the request: {self.message}", code="upstream_rejected")
        if self.kind == "setup":
            return ApiError(
                502,
                f"The upstream refuses the gateway (its key, address or model is wrong): {self.message}",
                code="upstream_setup",
            )
        return ApiError(502, f"The upstream gave no answer: {self.message}", code="upstream_unavailable")


class ClientGoneError(Exception):
    """The client closed the connection; nobody waits for the answer."""
