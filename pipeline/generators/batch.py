"""A reader that works through files: requests in OpenAI's batch form are written, and answered ones read back.

Somebody else answers them between two runs, such as `vllm run-batch` or a hosted batch service at its lower price. This
reader asks no server, and does not know who answered. A route that asks one thing after another takes a round for each.
Form: https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError
from pipeline.core.spec import runtime
from pipeline.generators._absent import ABSENT
from pipeline.generators._http import Reply, RequestError, error_message, fault_of, reply_of
from pipeline.generators._requests import PATHS, Remote, answered, body_of, failed
from pipeline.generators.base import Call, Completion

REQUESTS, RESULTS = ".requests.jsonl", ".results.jsonl"
MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000
"""Of one file: what OpenAI's service takes (its guide, Batch API, 2026)."""

# JSON allows these inside a string; a program that cuts lines where Unicode does would cut the request in two.
_LINE_ENDS = {"\u2028": "\\u2028", "\u2029": "\\u2029", "\x85": "\\u0085"}


@dataclass(frozen=True, kw_only=True)
class Batch(Remote):
    """The prompt's text as it stands, in one user message or as a text to go on with.

    A call's `custom_id` is its key. Answers are looked up in all `*.results.jsonl` of the folder, output files and
    error files alike, whatever their names and how many; what stands there for other calls is left alone. Calls
    without an answer are written to `NAME-1.requests.jsonl` (then -2, ...) in the order in which they were given, and
    fail for now: the next run reads the answers. A file of requests that no results go with is replaced by the next
    run. Of several answers to one call a whole one counts, the first in the order of file names.

    api: `chat` or `completions`; `vllm run-batch` takes chats alone (0.25 to 0.31). folder: where the files lie; one
    for each study.
    """

    folder: str = runtime()

    def generate(self, calls: Sequence[Call]) -> Iterator[tuple[int, Completion]]:
        """Yield what is answered, then write the rest down and fail it for now.

        Raises UserError where the folder cannot be used, or where a line of results is broken.
        """
        keys = {i: self.call_key(call) for i, call in enumerate(calls) if call.prompt.complete}
        found = self._found(set(keys.values()))
        for i, call in enumerate(calls):
            if i not in keys:
                yield i, ABSENT
            elif (done := self._completion(call, found.get(keys[i]))) is not None:
                yield i, done
        todo = [i for i, key in keys.items() if self._completion(calls[i], found.get(key)) is None]
        first = {keys[i]: i for i in reversed(todo)}
        files = self._write({key: calls[first[key]] for key in dict.fromkeys(keys[i] for i in todo)})
        for i in todo:
            yield i, self._unanswered(calls[i], found.get(keys[i]), files[keys[i]])

    # -- results --------------------------------------------------------------------------------------------------

    def _found(self, wanted: set[str]) -> dict[str, Reply | RequestError]:
        """The best that the results hold for each of these ids."""
        found: dict[str, Reply | RequestError] = {}
        for path in sorted(self._place.glob(f"*{RESULTS}")):
            for id_, result in _results(path, wanted):
                if id_ not in found or _worth(result) > _worth(found[id_]):
                    found[id_] = result
        return found

    def _completion(self, call: Call, result: Reply | RequestError | None) -> Completion | None:
        """What is remembered of the call; None: it has to be asked, for the first time or again."""
        if isinstance(result, Reply):
            return answered(call, result, self.tokenizer)
        if result is not None and result.kind == "rejected":
            return failed(call, result, self.tokenizer, error=result.error)
        return None

    def _unanswered(self, call: Call, fault: Reply | RequestError | None, file: Path) -> Completion:
        to = _results_of(file)
        send = f"send {file} as a batch and save what comes back as {to}"
        if self.api == "chat":
            command = ["vllm", "run-batch", "-i", str(file), "-o", str(to), "--model", self.model]
            send = f"{shlex.join(command)}, or {send}"
        before = f"{fault.error}; asked again" if isinstance(fault, RequestError) else "not answered yet"
        fault = RequestError("retry", f"{before}: {send}; then run again", finish="pending")
        return failed(call, fault, self.tokenizer, error=fault.error)

    # -- requests -------------------------------------------------------------------------------------------------

    def _write(self, calls: Mapping[str, Call]) -> dict[str, Path]:
        """The file of requests that holds each of these ids, after writing those that none of this run's holds."""
        self._replace_old()
        asked = self._asked
        # What came back without an answer goes to another file, so that its results do not replace these.
        asked_now = {key: path for key, path in asked.items() if path.is_file() and not _results_of(path).exists()}
        missing = [key for key in calls if key not in asked_now]
        lines = ((key, self._line(key, calls[key])) for key in missing)
        for path, group in _files(lines, self._free_paths()):
            asked.update(dict.fromkeys(group, path))
        return {key: asked[key] for key in calls}

    def _line(self, key: str, call: Call) -> bytes:
        body = body_of(call, model=self.model, api=self.api, extra=self.extra, stream=False)
        request = {"custom_id": key, "method": "POST", "url": f"/v1/{PATHS[self.api]}", "body": body}
        text = json.dumps(request, ensure_ascii=False)
        for character, escaped in _LINE_ENDS.items():
            text = text.replace(character, escaped)
        # Half a surrogate pair is no UTF-8, and one such request would make the whole file unreadable.
        return text.encode("utf-8", "replace") + b"\n"

    def _replace_old(self) -> None:
        """Once a run: take away the requests of earlier ones that nobody answered; what is still wanted is written."""
        if self._run:
            return
        self._run.add("begun")
        for path in self._place.glob(f"*{REQUESTS}"):
            if self._number(path) and not _results_of(path).exists():
                path.unlink()

    def _free_paths(self) -> Iterator[Path]:
        """Names whose results are not there, so that no answer is written over."""
        number = 0
        while True:
            number += 1
            path = self._place / f"{self._stem}-{number}{REQUESTS}"
            if not path.exists() and not _results_of(path).exists():
                yield path

    def _number(self, path: Path) -> int:
        """The number in the name of a file of requests of this reader's; 0: it is none."""
        match = re.fullmatch(rf"{re.escape(self._stem)}-(\d+){re.escape(REQUESTS)}", path.name)
        return int(match[1]) if match else 0

    @property
    def _stem(self) -> str:
        return re.sub(r"[^\w.]+", "-", self.label).strip("-.") or "batch"

    @cached_property
    def _asked(self) -> dict[str, Path]:
        """Id -> the file of requests into which this object wrote it."""
        return {}

    @cached_property
    def _run(self) -> set[str]:
        return set()

    @cached_property
    def _place(self) -> Path:
        folder = Path(self.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise UserError(
                f"cannot use the folder of batches: {e.strerror}",
                where=str(folder),
                remedy="Give `folder` a folder that you can write to",
            ) from None
        return folder


def _results_of(path: Path) -> Path:
    """Where the answers to a file of requests go."""
    return path.with_name(path.name.removesuffix(REQUESTS) + RESULTS)


def _results(path: Path, wanted: set[str]) -> Iterator[tuple[str, Reply | RequestError]]:
    """(id, what came of the request) for each wanted line. Raises UserError for a line that is no result."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                data = json.loads(line)
                id_ = str(data["custom_id"])
            except (ValueError, KeyError, TypeError):
                shown = repr(line[:60].decode("utf-8", "replace"))
                raise UserError(
                    f"the line is no result of a batch: {shown}",
                    where=f"{path}:{number}",
                    remedy="Fetch the file again, or take the line out: its call is then asked again",
                ) from None
            if id_ in wanted:
                yield id_, _result(data)


def _result(data: Mapping[str, Any]) -> Reply | RequestError:
    """What came of one request: a body with status 200, an error of the server's, or one of the batch itself."""
    response, error = data.get("response"), data.get("error")
    response = response if isinstance(response, dict) else {}
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and not error and isinstance(body, dict):
        try:
            return reply_of(body)
        except RequestError as fault:
            return fault
    said = error_message(_inner(error if error else body))
    if isinstance(status, int) and status != 200:
        return fault_of(status, said)
    return RequestError("retry", said or "the result holds neither an answer nor an error")


def _inner(error: Any) -> str:
    """The error as JSON of the form {"error": ...}, which vLLM wraps once more and OpenAI's error files do not."""
    if error is None:
        return ""
    return json.dumps(error if isinstance(error, dict) and "error" in error else {"error": error})


def _worth(result: Reply | RequestError) -> int:
    """An answer over a refusal for good, and that over a failure worth trying again."""
    return 2 if isinstance(result, Reply) else int(result.kind == "rejected")


def _files(lines: Iterable[tuple[str, bytes]], paths: Iterator[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Write (id, line) to as few files as the limits allow; yields (path, its ids) once a file is whole."""
    lines = iter(lines)
    pending = next(lines, None)
    while pending is not None:
        path, size = next(paths), 0
        group: list[str] = []
        draft = path.with_name(path.name + ".tmp")
        with draft.open("wb") as out:
            while pending is not None:
                id_, line = pending
                if group and (len(group) >= MOST_REQUESTS or size + len(line) > MOST_BYTES):
                    break
                out.write(line)
                group.append(id_)
                size += len(line)
                pending = next(lines, None)
        draft.rename(path)
        yield path, group
