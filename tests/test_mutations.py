"""The table of benchmarks/mutations.py fits the source as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from auricle.core.errors import InputError
from benchmarks import mutations

TABLE = mutations.table()


@pytest.mark.parametrize("mutation", TABLE, ids=lambda mutation: mutation.name)
def test_every_mutation_has_one_place_and_its_tests_exist(mutation: mutations.Mutation) -> None:
    path = mutations.place(mutations.ROOT, mutation)
    changed = path.read_text(encoding="utf-8").replace(mutation.old, mutation.new)
    compile(changed, str(path), "exec")
    assert mutation.new != mutation.old
    assert mutation.tests and all((mutations.ROOT / test).is_file() for test in mutation.tests)


def test_names_are_different() -> None:
    assert len({mutation.name for mutation in TABLE}) == len(TABLE) == 27


def test_a_text_that_is_gone_or_stands_twice_is_told(tmp_path: Path) -> None:
    for folder in mutations.SOURCES:
        (tmp_path / folder).mkdir()
    mutation = TABLE[0].model_copy(update={"old": "one = 1"})
    with pytest.raises(InputError, match="stands nowhere; wanted it once"):
        mutations.place(tmp_path, mutation)
    (tmp_path / "auricle" / "a.py").write_text("one = 1\n")
    assert mutations.place(tmp_path, mutation) == tmp_path / "auricle" / "a.py"
    (tmp_path / "recipes" / "b.py").write_text("one = 1\n")
    with pytest.raises(InputError, match=r"a\.py \(1\), recipes/b\.py \(1\)"):
        mutations.place(tmp_path, mutation)
