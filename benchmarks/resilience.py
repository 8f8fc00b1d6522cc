"""Does a study survive `kill -9` and damaged storage? Compares bytes with an undisturbed run.

    python -m benchmarks.resilience quickstart --kills 20 --flips 20

Kills: the study is started and killed at a random moment, again and again on the same store (a fresh one whenever it
gets to the end), until it was killed `--kills` times; then it runs to the end. Held: the final answers, scores and
summary equal an undisturbed run's, and every model call that was remembered after a kill is the same row at the end,
so it was not made again. Flips: a byte of a stored value is changed, and the run is repeated. Held: the damage is
named, and the bytes of the results are equal again. Exit status 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FINAL = ("answers.parquet", "scores.parquet", "summary.csv")


def main() -> None:
    """Run both trials for one study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("settings", nargs="*", help="key=value")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--flips", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as scratch:
        trial = Trial(Path(scratch), args.study, args.settings)
        wanted, seconds = trial.undisturbed()
        print(f"{args.study}: undisturbed in {seconds:.1f} s, results {wanted}")
        good = trial.kills(args.kills, seconds, wanted, rng) if args.kills else True
        good = (trial.flips(args.flips, wanted, rng) if args.flips else True) and good
    sys.exit(0 if good else 1)


class Trial:
    """One study with stores and runs in folders of its own."""

    def __init__(self, scratch: Path, study: str, settings: list[str]) -> None:
        self.scratch, self.study, self.settings = scratch, study, settings

    def start(self, place: str) -> subprocess.Popen[str]:
        """Start the study with its store and results in `place`."""
        folder = self.scratch / place
        env = {**os.environ, "LONGSHORT_STORE": str(folder / "store"), "LONGSHORT_RUNS": str(folder / "runs")}
        command = [sys.executable, "-m", "experiments", "run", self.study, *self.settings]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, place: str) -> str:
        """Run to the end; returns what it printed."""
        process = self.start(place)
        text, _ = process.communicate()
        if process.returncode not in (0, 3):
            raise SystemExit(f"{self.study} ended with status {process.returncode}:\n{text}")
        return text

    def results(self, place: str) -> str:
        """A digest of the final files."""
        (folder,) = [p.parent for p in (self.scratch / place / "runs").glob("*/answers.parquet")]
        h = hashlib.sha256()
        for name in FINAL:
            h.update((folder / name).read_bytes())
        return h.hexdigest()[:16]

    def remembered(self, place: str) -> dict[str, int]:
        """Key to row number of every remembered call: a call made again would stand in another row."""
        index = self.scratch / place / "store" / "index.sqlite"
        if not index.exists():
            return {}
        db = sqlite3.connect(index)
        try:
            return dict(db.execute("SELECT key, rowid FROM calls"))
        except sqlite3.OperationalError:  # killed before the table was there
            return {}
        finally:
            db.close()

    def undisturbed(self) -> tuple[str, float]:
        """The results of a run that nobody disturbs, and its seconds."""
        start = time.perf_counter()
        self.finish("calm")
        return self.results("calm"), time.perf_counter() - start

    def kills(self, count: int, seconds: float, wanted: str, rng: random.Random) -> bool:
        """Kill it `count` times, finish, compare."""
        done = rounds = repeated = 0
        good = True
        seen: dict[str, int] = {}
        while done < count:
            process = self.start("killed")
            try:
                process.communicate(timeout=rng.uniform(0.02, 0.7) * seconds)
                ended = True
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                done += 1
                ended = False
            now = self.remembered("killed")
            repeated += sum(now.get(key) != row for key, row in seen.items())
            seen = now
            if ended or done == count:
                self.finish("killed")
                now = self.remembered("killed")
                repeated += sum(now.get(key) != row for key, row in seen.items())
                same = self.results("killed") == wanted
                rounds, good, seen = rounds + 1, good and same, {}
                print(f"  {done} kills so far: results {'equal' if same else 'DIFFER'}")
                shutil.rmtree(self.scratch / "killed")
        print(f"kill -9: {done} kills in {rounds} rounds, results equal: {good}, calls made twice: {repeated}")
        return good and not repeated

    def flips(self, count: int, wanted: str, rng: random.Random) -> bool:
        """Change one byte of one stored value, repeat the run, compare; `count` times."""
        named = equal = 0
        for _ in range(count):
            what = self.flip(rng)
            text = self.finish("calm")
            named += "damaged" in text
            same = self.results("calm") == wanted
            equal += same
            if not same or "damaged" not in text:
                print(f"  {what}: named {'damaged' in text}, equal {same}")
        print(f"flipped bytes: {count}, named {named}, results equal {equal}")
        return named == equal == count

    def flip(self, rng: random.Random) -> str:
        """Flip a bit of a random stored value: a file, a value in the index, or a remembered call."""
        store = self.scratch / "calm" / "store"
        files = sorted(p for p in (store / "objects").rglob("*") if p.is_file())
        kind = rng.choice(["file", "value", "call"] if files else ["value", "call"])
        if kind == "file":
            path = rng.choice(files)
            raw = bytearray(path.read_bytes())
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
            path.write_bytes(raw)
            return f"file {path.name[:12]}"
        db = sqlite3.connect(store / "index.sqlite")
        table, column = ("nodes", "value") if kind == "value" else ("calls", "text")
        where = "value IS NOT NULL" if kind == "value" else "length(text) > 0"
        row, value = rng.choice(db.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall())
        raw = bytearray(value if isinstance(value, bytes) else value.encode())
        raw[rng.randrange(len(raw))] ^= 1
        changed = bytes(raw) if kind == "value" else raw.decode(errors="replace")
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (changed, row))
        db.commit()
        db.close()
        return f"{kind} in row {row}"


if __name__ == "__main__":
    main()
