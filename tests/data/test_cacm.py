"""The loader on an archive written here, on broken ones, and on the real one where it is."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from experiments.data.cacm import load_cacm
from pipeline.core.errors import UserError

PAGE = "<html>\n<pre>\n\n\nOn Snow &amp; Sorting\nof Flakes\n\nSnow is sorted by size.\n\nCA1\n\n</pre>\n</html>\n"
TOPICS = "<DOC>\n<DOCNO> 1 </DOCNO>\n\n sorting of\nsnow\n</DOC>\n<DOC>\n<DOCNO> 2 </DOCNO>\n rain\n</DOC>\n"


def written(
    folder: Path, *, topics: str = TOPICS, qrels: str = "1 Q0 CACM-7 1\n", name: str = "CACM-0007.html"
) -> Path:
    with tarfile.open(folder / "cacm.tar.gz", "w:gz") as archive:
        for member in ("CACM-0011.html", name):
            info = tarfile.TarInfo(member)
            info.size = len(PAGE)
            archive.addfile(info, io.BytesIO(PAGE.encode("latin-1")))
    for part, text in (("topics", topics), ("qrels", qrels)):
        (folder / part).mkdir()
        (folder / part / f"{part}.cacm.txt").write_text(text)
    return folder


def test_documents_queries_and_judgements(tmp_path: Path) -> None:
    cacm = load_cacm(written(tmp_path))
    assert list(cacm.documents) == ["CACM-0007", "CACM-0011"]
    assert cacm.documents["CACM-0007"].title == "On Snow & Sorting of Flakes"
    assert (cacm.documents["CACM-0007"].text or "").startswith("On Snow & Sorting\nof Flakes\n\nSnow is")
    assert cacm.queries == {"1": "sorting of snow", "2": "rain"}
    assert cacm.qrels == {"1": {"CACM-0007": 1}}, "the judgements' ids are written without leading zeros"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"topics": TOPICS + "<DOC>\n<DOCNO> 3 </DOCNO>\n"}, r"topics\.cacm\.txt:11: expected <DOC>"),
        ({"topics": "nothing"}, r"topics\.cacm\.txt:1: expected <DOC>"),
        ({"topics": TOPICS.replace(" 2 ", " 1 ")}, "'1' was given before"),
        ({"topics": TOPICS.replace("rain", "")}, r"topics\.cacm\.txt:7: the query has no id or no text"),
        ({"qrels": "1 Q0 CACM-8 1\n"}, "document 'CACM-0008' is judged"),
        ({"qrels": "9 Q0 CACM-7 1\n"}, "query '9' is judged"),
        ({"qrels": "1 Q0 1\nbroken\n"}, r"qrels\.cacm\.txt:2"),
    ],
)
def test_broken_files_are_named(settings: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        load_cacm(written(tmp_path, **settings))


def test_archives_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        load_cacm(tmp_path / "absent")
    with pytest.raises(UserError, match=r"cacm\.tar\.gz: the file does not exist"):
        load_cacm(tmp_path)
    archive = written(tmp_path) / "cacm.tar.gz"
    for broken in (b"no archive", archive.read_bytes()[:60]):
        archive.write_bytes(broken)
        with pytest.raises(UserError, match=r"cacm\.tar\.gz: the archive is broken"):
            load_cacm(tmp_path)
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(UserError, match=r"holds no \.html"):
        load_cacm(tmp_path)


DATA = Path(os.environ.get("LONGSHORT_DATA", "data")) / "cacm"


@pytest.mark.skipif(not DATA.is_dir(), reason="LONGSHORT_DATA/cacm is not there")
def test_the_real_files() -> None:
    cacm = load_cacm()
    assert (len(cacm.documents), len(cacm.queries), len(cacm.qrels)) == (3204, 64, 52)
    assert sum(map(len, cacm.qrels.values())) == 796
