from __future__ import annotations

from pathlib import Path

import pytest

from auricle.listen.self_check import extras, model_facts, self_check, versions
from auricle.runtime import catalog


def test_versions_and_extras_name_their_packages() -> None:
    assert {"python", "numpy", "onnxruntime", "libsndfile"} <= {name for name, _ in versions()}
    for name, told in extras():
        assert name and ("pip install 'auricle[" in told or told[0].isdigit())


def test_a_good_model_hears_well(tone_folder: Path) -> None:
    rows, faults, listener = self_check(str(tone_folder), None)
    assert faults == [] and listener is not None and {"model", "runtime", "speed", "text"} == {name for name, _ in rows}


def test_a_bad_model_is_found_out(tmp_path: Path) -> None:
    rows, faults, listener = self_check(str(tmp_path), None)
    assert rows == [] and listener is None and len(faults) == 1 and "config.json" in faults[0]


@pytest.mark.parametrize("name", catalog.shipped())
def test_shipped_models_hear_well_and_have_facts(name: str) -> None:
    assert self_check(name, None).faults == []
    facts = dict(model_facts(catalog.find_folder(name)))
    assert "licence" in facts and facts["labels"]
