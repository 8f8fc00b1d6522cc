"""A PDF file's text, one section per page. It does not recognise characters in images: a scan has no text.

Pages keep the order and line breaks that pypdf gives them, and are parted by a blank line.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.data.base import read_bytes
from experiments.data.fields import clean
from pipeline.core.errors import UserError
from pipeline.core.records import Section

if TYPE_CHECKING:
    from pypdf import PdfReader


def read_pdf(path: Path) -> tuple[str, tuple[Section, ...]]:
    """Text and the sections `page 1`, `page 2`, ...; the section of a page without text is empty.

    Raises UserError for a file that is broken, needs a password, or holds no text at all.
    """
    raw = read_bytes(path)
    if not raw.strip():
        raise UserError("the PDF file is empty", where=str(path), remedy="Replace or remove it")
    # pypdf reports each slip of a file that it could mend through logging; what it could not mend is raised.
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    pages = _pages(raw, path)
    if not any(pages):
        raise UserError(
            f"no text on any of its {len(pages)} pages: this PDF seems to be scanned",
            where=str(path),
            remedy="Recognise its text first (ocrmypdf in.pdf out.pdf), or remove it",
        )
    text, sections = "", []
    for number, page in enumerate(pages, start=1):
        text += "\n\n" if text and page else ""
        sections.append(Section(f"page {number}", len(text), len(text) + len(page)))
        text += page
    return text, tuple(sections)


def _pages(raw: bytes, path: Path) -> list[str]:
    import io

    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(io.BytesIO(raw))
        _open(reader, path)
        return [clean(page.extract_text()).replace("\x00", "").strip() for page in reader.pages]
    except DependencyError:
        raise UserError(
            "this PDF is encrypted in a way that needs the package 'cryptography'",
            where=str(path),
            remedy="pip install cryptography",
        ) from None
    # pypdf lets the errors of the structures it walks through pass: a broken file can end in any of these.
    except (PyPdfError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UserError(
            f"the PDF cannot be read ({type(error).__name__}: {error})",
            where=str(path),
            remedy="Save it anew from the program that made it, or remove it",
        ) from None


def _open(reader: PdfReader, path: Path) -> None:
    # Many files are encrypted with an empty password, only to forbid printing.
    if reader.is_encrypted and not reader.decrypt(""):
        raise UserError("this PDF needs a password", where=str(path), remedy="Save it without one (qpdf --decrypt)")
