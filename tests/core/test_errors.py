"""A user's mistake is one line: where, what, remedy."""

from __future__ import annotations

from pipeline.core.errors import MissingPackageError, UserError, nearest


def test_one_line_whatever_it_is_made_of():
    error = UserError("found 'a\nb'.", where="file.yaml:3", remedy="Mend\tit")
    assert str(error) == "file.yaml:3: found 'a b'. Mend it"
    assert (error.what, error.where, error.remedy) == ("found 'a\nb'.", "file.yaml:3", "Mend\tit")


def test_parts_that_are_not_given_leave_no_trace():
    assert str(UserError("what")) == "what"
    assert str(UserError("what", remedy="Do")) == "what. Do"


def test_a_missing_package_says_how_to_get_it():
    assert str(MissingPackageError("vllm", "gpu")).endswith("Install it with: pip install 'longshort[gpu]'")
    assert str(MissingPackageError("numpy", "")).endswith("pip install numpy")
    assert isinstance(MissingPackageError("numpy", ""), UserError)


def test_nearest_names_one_or_all():
    assert nearest("chunck", ["chunk", "search"]) == "Did you mean 'chunk'?"
    assert nearest("zzz", ["b", "a", "a"]) == "Known: a, b"
