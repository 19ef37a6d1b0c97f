from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tone_model import tone

import auricle
from auricle.core.errors import SoundError
from auricle.listen.pipeline import Spec, Worker, score_file

RATE = 16_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = []
    for name, seconds in (("low tone", 25.0), ("high tone", 3.0)):
        found.append(tmp_path / f"{name}.wav")
        soundfile.write(found[-1], tone(name, seconds), RATE)
    return found


def test_another_process_gives_the_same_rows(tone_folder: Path, files: list[Path]) -> None:
    spec = Spec(str(tone_folder), window=5.0, hop=2.5)
    assert pickle.loads(pickle.dumps(spec)) == spec
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = [pool.submit(score_file, file, spec).result() for file in files]
    for file, (rows, facts) in zip(files, there, strict=True):
        own, own_facts = score_file(file, spec)
        assert facts == own_facts and len(rows) == len(own)
        assert [row.start for row in rows] == [2.5 * place for place in range(len(rows))]
        for row, same in zip(rows, own, strict=True):
            assert np.array_equal(row.clip, same.clip) and np.array_equal(row.vector, same.vector)
    assert len(there[0][0]) == 9  # the last window is the first that reaches the end of 25 s: 20 to 25


def test_rows_are_those_of_a_listener(tone_folder: Path, files: list[Path]) -> None:
    rows, facts = score_file(files[0], Spec(str(tone_folder)))
    heard = auricle.load(tone_folder).listen(files[0], top=None)
    assert max(float(row.clip.max()) for row in rows) == pytest.approx(heard.tags[0].score)
    assert {name: getattr(heard, name) for name in facts} == facts


def test_bad_input_is_given_in_its_place(tone_folder: Path, files: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "text.wav"
    bad.write_text("no sound")
    gone = tmp_path / "gone.wav"

    def tell(file: Path, worker: Worker) -> int:
        if file == gone:
            gone.stat()
        return sum(part.sounding for part in worker.open(file))

    answers = list(auricle.load(tone_folder).pipeline.each([files[0], bad, gone, files[1]], tell))
    assert answers[0] == 3 and answers[3] == 1
    assert isinstance(answers[1], SoundError) and "text.wav" in str(answers[1])
    assert isinstance(answers[2], SoundError) and "gone.wav: cannot be read (No such file or directory)" in str(answers[2])
