"""Devices: presets, the file's round trip, and one line for every value that cannot be a device's."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from pipeline.core.errors import UserError
from pipeline.cost.device import PRESETS, device_named, read_device, write_device


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_unmeasured_and_survives_its_file(name, tmp_path):
    device = device_named(name)
    assert device == PRESETS[name]
    assert not device.measured
    assert " x 0." in device.note  # the efficiencies are stated
    write_device(device, tmp_path / "d.json")
    assert read_device(tmp_path / "d.json") == device == device_named(str(tmp_path / "d.json"))


def test_odd_numbers_survive_the_file(tmp_path):
    device = replace(PRESETS["h100"], name="µ", matrix_flops=1 / 3, count=8, measured=True, step_seconds=0.0)
    write_device(device, tmp_path / "d.json")
    assert read_device(tmp_path / "d.json") == device


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"matrix_flops": 0}, "matrix_flops is 0, where a number above 0"),
        ({"memory_rate": -1.0}, "memory_rate is -1.0"),
        ({"step_seconds": -1.0}, "a number at least 0"),
        ({"host_rate": float("inf")}, "host_rate is inf"),
        ({"cache_rate": float("nan")}, "cache_rate is nan"),
        ({"memory_bytes": "80e9"}, "memory_bytes is '80e9', where float"),
        ({"memory_bytes": True}, "memory_bytes is True"),
        ({"count": 0}, "count is 0"),
        ({"count": 1.5}, "count is 1.5, where int"),
        ({"measured": 1}, "measured is 1, where bool"),
        ({"count": 2, "link_rate": 0}, "2 devices need the rate of the link"),
        ({"matrix_flop": 1}, "Did you mean 'matrix_flops'"),
        ({"device_format": 2}, "device_format 1"),
    ],
    ids=str,
)
def test_a_file_that_cannot_work_is_told_in_one_line(changed, said, tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"device_format": 1, **asdict(PRESETS["h100"]), **changed}))
    with pytest.raises(UserError) as found:
        device_named(str(path))
    assert said in str(found.value)
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)


def test_a_missing_key_is_named(tmp_path):
    body = {"device_format": 1, **asdict(PRESETS["h100"])}
    del body["host_rate"]
    (tmp_path / "d.json").write_text(json.dumps(body))
    with pytest.raises(UserError, match="'host_rate' is missing"):
        read_device(tmp_path / "d.json")


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00"])
def test_a_broken_file_is_told(text, tmp_path):
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(UserError, match=r"d\.json"):
        read_device(tmp_path / "d.json")


def test_an_unknown_name_is_told_the_nearest_and_how_to_measure():
    with pytest.raises(UserError, match=r"Did you mean 'h100'\?.*calibrate --out"):
        device_named("h10")


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        write_device(PRESETS["h100"], tmp_path / "no" / "d.json")
