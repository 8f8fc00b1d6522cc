"""The store: what is put is got; what explains it is kept; what nothing stands on is freed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline.core import index
from pipeline.core.errors import UserError
from pipeline.core.records import digest_parts
from pipeline.core.store import INLINE, CallRow, Entry, Store

SMALL, LARGE = b"small value", b"large" * INLINE


def entry(key: str, *, stage: str = "Stage", own: str = "own", item: str = "q1", seconds: float = 0.5) -> Entry:
    return Entry(key, stage, own, item, "[]", seconds, 0, "", None)


def call(key: str, *, text: str = "an answer", question: str = "q1", turn: int = 0) -> CallRow:
    return CallRow(
        key, "gen", "reader", question, "lc", turn, "prompt", "{}", text, "ok", "stop", "", 10, 3, 2, "[]", 0.25
    )


def objects(store: Store) -> list[Path]:
    return [p for p in (store.folder / "objects").glob("*/*") if p.is_file()]


def change(store: Store, sql: str, *values: object) -> None:
    """Change the index behind the store's back."""
    store._db.execute(sql, values)


# -- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", SMALL, b"x" * INLINE, b"x" * (INLINE + 1), LARGE])
def test_what_is_put_is_got(store, raw):
    store.put([(entry("a"), raw)])
    assert store.get("a") == raw
    assert store.get_many(["a", "b"]) == {"a": raw}
    assert store.good(["a", "b"]) == {"a": 0.5}
    assert len(objects(store)) == (len(raw) > INLINE)
    assert store.damaged == []


def test_what_was_never_put_is_absent_and_not_damaged(store):
    assert store.get("a") is None
    assert store.good(["a"]) == {}
    assert store.calls(["a"]) == {}
    assert store.damaged == []


def test_everything_outlives_closing(tmp_path):
    with Store(tmp_path) as first:
        first.put([(entry("a"), SMALL), (entry("b"), LARGE)])
        first.put_calls([call("c")])
    with Store(tmp_path) as second:
        assert second.get_many(["a", "b"]) == {"a": SMALL, "b": LARGE}
        assert second.calls(["c"]) == {"c": call("c")}
        assert second.damaged == []


def test_more_keys_than_one_statement_takes(store):
    keys = [f"k{i}" for i in range(1203)]
    store.put((entry(k), k.encode()) for k in keys)
    store.put_calls(call(k) for k in keys)
    assert store.get_many(keys) == {k: k.encode() for k in keys}
    assert len(store.calls(keys)) == len(store.good(iter(keys))) == 1203


def test_a_new_value_replaces_the_old_one(store):
    store.put([(entry("a"), SMALL)])
    store.put([(entry("a", seconds=9.0), LARGE)])
    assert store.get("a") == LARGE
    assert store.good(["a"]) == {"a": 9.0}


def test_numbers_of_another_kind_are_kept_whole(store):
    """SQLite gives 0 back as 0.0 from a column of reals; the checksum must not take that for damage."""
    store.put([(entry("a", seconds=0), SMALL)])
    store.put_calls([replace(call("c"), seconds=1, prompt_tokens=7.0)])  # type: ignore[arg-type]
    assert store.get("a") == SMALL
    assert store.calls(["c"])["c"].seconds == 1.0
    assert store.damaged == []


# -- calls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "é 漢字 🙂", "a\x00b", "line\nline", "'; DROP TABLE calls; --", "x" * 300_000])
def test_a_call_is_remembered_to_the_letter(store, text):
    store.put_calls([call("c", text=text)])
    assert store.calls(["c"]) == {"c": call("c", text=text)}


def test_the_newest_call_of_a_question_is_found(store):
    store.put_calls([call("a", text="old"), call("b", text="new"), call("c", text="second turn", turn=1)])
    found = store.last_call("reader", "q1", "lc", 0)
    assert found == call("b", text="new")
    assert store.last_call("reader", "q1", "lc", 2) is None


# -- transactions ---------------------------------------------------------------------------------------------------


def test_a_transaction_is_all_or_nothing(store):
    with pytest.raises(KeyboardInterrupt), store.transaction():
        store.put([(entry("a"), SMALL)])
        with store.transaction():
            store.put_calls([call("c")])
        raise KeyboardInterrupt
    assert store.get("a") is None
    assert store.calls(["c"]) == {}
    with store.transaction():
        store.put_calls([call("c")])
    assert store.calls(["c"])


def test_a_batch_is_stored_whole_or_not_at_all(store):
    def entries():
        yield entry("a"), SMALL
        raise RuntimeError("the second value was never made")

    with pytest.raises(RuntimeError):
        store.put(entries())
    assert store.get("a") is None


# -- damage, one at a time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "gone"])
def test_a_damaged_file_is_named_and_made_again(store, harm):
    store.put([(entry("a", item="q7"), LARGE)])
    (file,) = objects(store)
    if harm == "gone":
        file.unlink()
    else:
        raw = bytearray(file.read_bytes())
        raw[1000] ^= 1
        file.write_bytes({"flip": bytes(raw), "cut": LARGE[:-1], "empty": b""}[harm])
    assert store.get("a") is None
    assert len(store.damaged) == 1
    assert "Stage of q7" in store.damaged[0]
    assert store.dropped == {"a"}
    store.put([(entry("a"), LARGE)])
    assert store.get("a") == LARGE


def test_every_byte_of_a_file_counts(store):
    raw = b"0123456789" * (INLINE // 10 + 1)
    store.put([(entry("a"), raw)])
    (file,) = objects(store)
    for at in range(0, len(raw), 997):
        harmed = bytearray(raw)
        harmed[at] ^= 0x80
        file.write_bytes(harmed)
        assert store.good(["a"]) == {}
        store.put([(entry("a"), raw)])
        assert store.get("a") == raw


def test_two_values_of_one_content_share_a_file_and_its_damage(store):
    store.put([(entry("a"), LARGE), (entry("b"), LARGE)])
    (file,) = objects(store)
    file.write_bytes(b"other")
    assert store.get_many(["a", "b"]) == {}
    assert store.dropped == {"a", "b"}
    store.put([(entry("b"), LARGE)])
    assert store.get_many(["a", "b"]) == {"b": LARGE}


@pytest.mark.parametrize("column", [f.name for f in fields(Entry)])
def test_a_changed_column_of_a_value_is_found(store, column):
    store.put([(entry("a"), SMALL), (entry("b"), LARGE)])
    new = {"seconds": 0.75, "size": 1, "value": b"small Value"}.get(column, "changed")
    change(store, f"UPDATE nodes SET {column} = ? WHERE key = 'a'", new)
    assert store.get("a") is None
    if column != "key":  # one that cannot be asked for any more cannot be found damaged by asking
        assert len(store.damaged) == 1
    assert store.get("b") == LARGE
    store.put([(entry("a"), SMALL)])
    assert store.get("a") == SMALL


@pytest.mark.parametrize("column", [f.name for f in fields(CallRow) if f.name != "key"] + ["sum"])
def test_a_changed_column_of_a_call_is_found(store, column):
    store.put_calls([call("a"), call("b")])
    new = {"turn": 1, "prompt_tokens": 11, "completion_tokens": 4, "cached_tokens": 3, "seconds": 0.5}
    change(store, f"UPDATE calls SET {column} = ? WHERE key = 'a'", new.get(column, "changed"))
    assert store.calls(["a", "b"]) == {"b": call("b")}
    assert len(store.damaged) == 1
    assert "reader" in store.damaged[0] or column == "reader"
    store.put_calls([call("a")])
    assert store.calls(["a"]) == {"a": call("a")}


def test_two_columns_that_trade_a_letter_are_found(store):
    """A checksum of the joined columns would not see it."""
    store.put_calls([replace(call("a"), question="ab", route="c")])
    change(store, "UPDATE calls SET question = 'a', route = 'bc'")
    assert store.calls(["a"]) == {}


def test_text_that_is_no_text_any_more_is_found(store):
    store.put([(entry("a"), SMALL)])
    store.put_calls([call("c")])
    change(store, "UPDATE nodes SET item = CAST(x'71ff' AS TEXT)")
    change(store, "UPDATE calls SET text = CAST(x'61ff' AS TEXT)")
    assert list(store.history("Stage", "q1")) == []
    assert store.get("a") is None
    assert store.last_call("reader", "q1", "lc", 0) is None
    assert store.calls(["c"]) == {}
    assert len(store.damaged) == 2


def test_explanations_are_not_drawn_from_damage(store):
    store.put([(entry("old"), SMALL), (entry("new"), SMALL)])
    store.put_calls([call("c", text="old"), call("d", text="new")])
    change(store, "UPDATE nodes SET inputs = '[not JSON' WHERE key = 'new'")
    change(store, "UPDATE calls SET sampling = '{' WHERE key = 'd'")
    assert [e.key for e in store.history("Stage", "q1")] == ["old"]
    assert store.last_call("reader", "q1", "lc", 0).key == "c"
    spec = '{"class":"A"}'
    own = digest_parts([spec])
    store.describe(own, spec)
    change(store, 'UPDATE specs SET spec = \'{"class":"B\'')
    assert store.spec(own) is None
    store.describe(own, spec)
    assert store.spec(own) == spec


# -- explanations ---------------------------------------------------------------------------------------------------


def test_the_values_of_an_item_newest_first(store):
    store.put([(entry("a", own="one"), SMALL)])
    store.put([(entry("b", own="two"), SMALL)])
    assert [e.own for e in store.history("Stage", "q1")] == ["two", "one"]
    store.put([(entry("a", own="one"), SMALL)])
    assert [e.own for e in store.history("Stage", "q1")] == ["one", "two"]
    assert list(store.history("Stage", "q2")) == []
    assert list(store.history("Other", "q1")) == []


def test_the_settings_behind_a_digest(store):
    spec = '{"class":"A","k":1}'
    own = digest_parts([spec])
    assert store.spec(own) is None
    store.describe(own, spec)
    store.describe(own, spec)
    assert store.spec(own) == spec


def test_the_first_code_seen_is_the_one_that_holds(store):
    assert store.code("m.Stage", 1, "aaa") == "aaa"
    assert store.code("m.Stage", 1, "bbb") == "aaa"
    assert store.code("m.Stage", 2, "bbb") == "bbb"
    assert store.code("m.Other", 1, "bbb") == "bbb"
    assert store.accept_code("m.Stage") == 2
    assert store.code("m.Stage", 1, "bbb") == "bbb"
    assert store.accept_code("m.Unknown") == 0


# -- house-keeping --------------------------------------------------------------------------------------------------


def test_sweep_keeps_what_kept_runs_use_and_frees_the_rest(store):
    big = [bytes([i]) * (INLINE + 1) for i in range(4)]
    store.put((entry(f"n{i}", own=f"own{i}"), big[i]) for i in range(4))
    store.put_calls(call(f"c{i}") for i in range(4))
    for i in range(4):
        store.describe(f"own{i}", "{}")
    store.mark_used("kept", ["n0", "c0", "n1"])
    store.mark_used("gone", ["n1", "n2", "c2"])
    draft = objects(store)[0].with_name("0" * 64 + ".123.tmp")
    draft.write_bytes(b"left by a killed process")
    os.utime(draft, (0, 0))
    rows, size = store.unused(lambda run: run == "kept")
    assert (rows, size) == (5, sum(map(len, big[2:])))
    assert store.sweep(lambda run: run == "kept")[0] == rows
    assert store.get_many(f"n{i}" for i in range(4)) == {"n0": big[0], "n1": big[1]}
    assert set(store.calls(f"c{i}" for i in range(4))) == {"c0"}
    assert {p.name for p in objects(store)} == {hashlib.sha256(b).hexdigest() for b in big[:2]}
    assert store.damaged == []
    assert store.unused(lambda run: run == "kept") == (0, 0)


def test_sweep_says_truly_what_it_freed(store):
    store.put((entry(f"n{i}"), bytes([i]) * 100_000) for i in range(20))
    before = store.size()
    rows, freed = store.sweep(lambda run: True)
    assert rows == 20
    assert store.size() == before - freed < before - 20 * 100_000


def test_a_run_of_the_same_name_gives_up_what_it_used_before(store):
    store.put([(entry("a"), SMALL), (entry("b"), SMALL)])
    store.mark_used("run", ["a"])
    store.mark_used("run", ["b"])
    store.sweep(lambda run: True)
    assert store.get_many(["a", "b"]) == {"b": SMALL}


def test_an_aborted_sweep_frees_nothing(store):
    store.put([(entry("a"), LARGE)])
    store.mark_used("run", ["a"])

    def keep(run: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.sweep(keep)
    assert store.get("a") == LARGE


# -- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no database at all", b"\0" * 20_000, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_index_is_replaced(tmp_path, content):
    (tmp_path / "index.sqlite").write_bytes(content)
    with Store(tmp_path) as store:
        assert bool(store.damaged) == bool(content)
        store.put([(entry("a"), SMALL)])
    with Store(tmp_path) as store:
        assert store.get("a") == SMALL
        assert store.damaged == []


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_index_keeps_what_can_be_read(tmp_path, share):
    with Store(tmp_path) as store:
        store.put((entry(f"k{i}"), b"%d" % i * 500) for i in range(100))
    raw = (tmp_path / "index.sqlite").read_bytes()
    (tmp_path / "index.sqlite").write_bytes(raw[: int(len(raw) * share)])
    with Store(tmp_path) as store:
        assert "index" in store.damaged[0]
        found = store.get_many(f"k{i}" for i in range(100))
        assert all(raw == b"%d" % int(k[1:]) * 500 for k, raw in found.items())
        if share > 0.9:
            assert len(found) > 50


def test_mending_keeps_what_runs_stand_on(tmp_path):
    with Store(tmp_path) as store:
        store.put((entry(f"k{i}"), b"%d" % i * 500) for i in range(50))
        store.mark_used("run", [f"k{i}" for i in range(50)])
        store.code("m.Stage", 1, "first")
    harm(tmp_path)
    with Store(tmp_path) as store:
        assert store.damaged
        there = store.get_many(f"k{i}" for i in range(50))
        store.sweep(lambda run: True)
        assert store.get_many(f"k{i}" for i in range(50)) == there
        assert len(there) > 30
        assert store.code("m.Stage", 1, "second") == "first"


def test_a_mending_that_is_killed_costs_nothing(tmp_path, monkeypatch):
    with Store(tmp_path) as store:
        store.put((entry(f"k{i}"), b"%d" % i * 500) for i in range(50))
    harm(tmp_path)
    whole = index._readable_rows

    def interrupted(db: sqlite3.Connection, table: str):
        yield from list(whole(db, table))[:5]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(index, "_readable_rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Store(tmp_path)
    with Store(tmp_path) as store:
        assert len(store.get_many(f"k{i}" for i in range(50))) > 30


def harm(folder: Path) -> None:
    """Zero one page in the middle of the index."""
    raw = bytearray((folder / "index.sqlite").read_bytes())
    page = len(raw) // 4096 // 2 * 4096
    raw[page : page + 4096] = bytes(4096)
    (folder / "index.sqlite").write_bytes(raw)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="LONGSHORT_STORE"):
        Store(tmp_path / "file" / "store")
    (tmp_path / "store" / "index.sqlite").mkdir(parents=True)
    with pytest.raises(UserError):
        Store(tmp_path / "store")
    assert (tmp_path / "store" / "index.sqlite").is_dir()
