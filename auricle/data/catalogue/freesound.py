"""Corpora of Freesound recordings: ESC-50, FSD50K, Clotho, Clotho-AQA, UrbanSound8K. The source of a clip is its Freesound id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from auricle.core.labels import label_key
from auricle.data.catalogue.entry import Entry, Question
from auricle.data.catalogue.tables import licence_from_url, load_json, parse_seconds, read_rows
from auricle.data.corpora.esc50 import credits
from auricle.data.corpora.published import find_path
from auricle.data.item import Caption, Item

SITE = "freesound"


def _esc50(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, "meta/esc50.csv", "a clone of github.com/karolpiczak/ESC-50")
    root = table.parents[1]
    clip_credits = credits((root / "LICENSE").read_text(encoding="utf-8", errors="replace")) if (root / "LICENSE").is_file() else {}
    for row in read_rows(table, "filename", "fold", "category", "src_file"):
        if row["fold"] != split:
            continue
        stem = Path(row["filename"]).stem
        author, url, terms = clip_credits.get(stem.rpartition("-")[0], ("", "", "unclear"))
        yield Item(
            id=stem,
            audio=root / "audio" / row["filename"],
            labels=(label_key(row["category"]),),
            corpus="esc50",
            source=row["src_file"],
            site=SITE,
            licence=terms,
            author=author,
            url=url,
            duration=5.0,
            fold=row["fold"],
        )


ESC50 = Entry(
    name="esc50",
    title="ESC-50",
    about="environmental sounds of 50 classes, 5 s each, in five folds that never split a recording",
    paper="Piczak, ACM Multimedia 2015, doi 10.1145/2733373.2806390",
    address="https://github.com/karolpiczak/ESC-50",
    licence="CC BY-NC 3.0; each clip its own",
    site=SITE,
    clips=2000,
    hours=2.8,
    overlaps="FSD50K, UrbanSound8K, Clotho and WavCaps (FreeSound) may have the same Freesound sounds: compare sources",
    splits=("1", "2", "3", "4", "5"),
    layout="""\
ESC-50/
  LICENSE               author and licence of each clip
  meta/esc50.csv        filename, fold, target, category, esc10, src_file, take
  audio/FOLD-SOURCE-TAKE-TARGET.wav""",
    read=_esc50,
)


def _fsd50k(download: Path, split: str) -> Iterator[Item]:
    part = "eval" if split == "eval" else "dev"
    table = find_path(download, f"FSD50K.ground_truth/{part}.csv", "the ground truth of FSD50K")
    root = table.parents[1]
    about = root / "FSD50K.metadata" / f"{part}_clips_info_FSD50K.json"
    metadata_of = load_json(about) if about.is_file() else {}
    for row in read_rows(table, "fname", "labels", *(("split",) if part == "dev" else ())):
        if row.get("split", "eval") != split:
            continue
        name, info = row["fname"], metadata_of.get(row["fname"], {})
        yield Item(
            id=name,
            audio=root / f"FSD50K.{part}_audio" / f"{name}.wav",
            labels=tuple(label_key(label) for label in row["labels"].split(",") if label),
            corpus="fsd50k",
            source=name,
            site=SITE,
            licence=licence_from_url(info.get("license", "")),
            author=info.get("uploader", ""),
            url=f"https://freesound.org/s/{name}/",
            fold=split,
        )


FSD50K = Entry(
    name="fsd50k",
    title="FSD50K",
    about="sounds of 200 classes of AudioSet's ontology, labelled by people, with their ancestors among the labels",
    paper="Fonseca and others, IEEE/ACM TASLP 2022, arXiv 2010.00475",
    address="https://zenodo.org/record/4060432",
    licence="CC BY 4.0; each clip its own, among them CC BY-NC and Sampling+",
    site=SITE,
    clips=51_197,
    hours=108.3,
    overlaps="ESC-50, UrbanSound8K, Clotho and WavCaps (FreeSound) may have the same Freesound sounds: compare sources",
    splits=("train", "val", "eval"),
    layout="""\
FSD50K/
  FSD50K.ground_truth/  dev.csv (fname, labels, mids, split), eval.csv (fname, labels, mids), vocabulary.csv
  FSD50K.metadata/      dev_clips_info_FSD50K.json, eval_clips_info_FSD50K.json: title, description, tags, license, uploader
  FSD50K.dev_audio/NUMBER.wav
  FSD50K.eval_audio/NUMBER.wav""",
    read=_fsd50k,
)


def _clotho(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, f"clotho_captions_{split}.csv", "the tables of Clotho 2.1")
    root, metadata = table.parent, table.parent / f"clotho_metadata_{split}.csv"
    metadata_of = {row["file_name"]: row for row in read_rows(metadata, "file_name", "keywords", "sound_id")} if metadata.is_file() else {}
    columns = [f"caption_{number}" for number in range(1, 6)]
    for row in read_rows(table, "file_name", *columns):
        name = row["file_name"]
        about = metadata_of.get(name, {})
        yield Item(
            id=f"{split}/{Path(name).stem}",
            audio=root / split / name,
            captions=tuple(Caption(row[column].strip()) for column in columns if row[column].strip()),
            labels=tuple(label_key(word) for word in about.get("keywords", "").split(";") if word.strip()),
            corpus="clotho",
            source=_source(about.get("sound_id", ""), name),
            site=SITE,
            licence=licence_from_url(about.get("license", "")),
            author=about.get("manufacturer", ""),
            url=about.get("sound_link", ""),
            fold=split,
        )


def _source(sound: str, name: str) -> str:
    """The id of the sound, or the name of the file where the id is unknown."""
    return sound if sound.isdecimal() else Path(name).stem


CLOTHO = Entry(
    name="clotho",
    title="Clotho 2.1",
    about="sounds of 15 to 30 s with five captions of 8 to 20 words each, written by people; labels are the uploaders' keywords",
    paper="Drossos and others, ICASSP 2020, arXiv 1910.09387",
    address="https://zenodo.org/record/4783391",
    licence="captions: Tampere University's, not commercial; each clip its own",
    site=SITE,
    clips=5929,
    overlaps="Clotho-AQA is cut from it; WavCaps (FreeSound) has its sounds; ESC-50, FSD50K and UrbanSound8K may",
    splits=("development", "validation", "evaluation"),
    layout="""\
clotho/
  clotho_captions_SPLIT.csv   file_name, caption_1 to caption_5
  clotho_metadata_SPLIT.csv   file_name, keywords, sound_id, sound_link, start_end_samples, manufacturer, license (Latin-1)
  SPLIT/NAME.wav              development, validation, evaluation""",
    read=_clotho,
)

_AQA = "the tables of Clotho-AQA"


def _clotho_aqa(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, f"clotho_aqa_{split}.csv", _AQA)
    metadata = table.parent / "clotho_aqa_metadata.csv"
    metadata_of = {row["file_name"]: row for row in read_rows(metadata, "file_name")} if metadata.is_file() else {}
    for name in dict.fromkeys(row["file_name"] for row in read_rows(table, "file_name")):
        about = metadata_of.get(name, {})
        yield Item(
            id=Path(name).stem,
            audio=table.parent / "audio_files" / name,
            labels=tuple(label_key(word) for word in about.get("keywords", "").split(";") if word.strip()),
            corpus="clothoaqa",
            source=_source(about.get("sound_id", ""), name),
            site=SITE,
            licence=licence_from_url(about.get("license", "")),
            author=about.get("manufacturer", ""),
            url=about.get("sound_link", ""),
            fold=split,
        )


def _clotho_questions(download: Path, split: str) -> Iterator[Question]:
    table = find_path(download, f"clotho_aqa_{split}.csv", _AQA)
    answers_of: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in read_rows(table, "file_name", "QuestionText", "answer"):
        answer = row["answer"].strip(), row.get("confidence", "").strip()
        answers_of.setdefault((row["file_name"], row["QuestionText"].strip()), []).append(answer)
    for (name, text), answers in answers_of.items():
        yield Question(Path(name).stem, text, tuple(answer for answer, _ in answers), tuple(confidence for _, confidence in answers))


CLOTHO_AQA = Entry(
    name="clothoaqa",
    title="Clotho-AQA",
    about="six questions each about sounds of Clotho, four answered by yes or no and two by a word, with three answers each",
    paper="Lipping and others, EUSIPCO 2022, arXiv 2204.09634",
    address="https://zenodo.org/record/6473207",
    licence="see LICENSE.txt of the download; each clip its own",
    site=SITE,
    clips=1991,
    overlaps="all its sounds are Clotho's",
    splits=("train", "val", "test"),
    layout="""\
ClothoAQA/
  clotho_aqa_SPLIT.csv        file_name, QuestionText, answer, confidence: three lines a question; train, val, test
  clotho_aqa_metadata.csv     file_name, keywords, sound_id, sound_link, ...
  audio_files/NAME.wav""",
    read=_clotho_aqa,
    questions=_clotho_questions,
)


def _urbansound8k(download: Path, split: str) -> Iterator[Item]:
    table = find_path(download, "metadata/UrbanSound8K.csv", "UrbanSound8K")
    for row in read_rows(table, "slice_file_name", "fsID", "start", "end", "fold", "class"):
        if row["fold"] != split:
            continue
        yield Item(
            id=Path(row["slice_file_name"]).stem,
            audio=table.parents[1] / "audio" / f"fold{split}" / row["slice_file_name"],
            labels=(label_key(row["class"]),),
            corpus="urbansound8k",
            source=row["fsID"],
            site=SITE,
            licence="CC BY-NC 3.0",
            url=f"https://freesound.org/s/{row['fsID']}/",
            duration=parse_seconds(row["end"], table) - parse_seconds(row["start"], table),
            fold=split,
        )


URBANSOUND8K = Entry(
    name="urbansound8k",
    title="UrbanSound8K",
    about="urban sounds of 10 classes, at most 4 s each, in ten folds that never split a recording",
    paper="Salamon, Jacoby and Bello, ACM Multimedia 2014",
    address="https://urbansounddataset.weebly.com/urbansound8k.html",
    licence="CC BY-NC 3.0",
    site=SITE,
    clips=8732,
    hours=8.75,
    overlaps="ESC-50, FSD50K, Clotho and WavCaps (FreeSound) may have the same Freesound sounds: compare sources",
    splits=tuple(str(number) for number in range(1, 11)),
    layout="""\
UrbanSound8K/
  metadata/UrbanSound8K.csv   slice_file_name, fsID, start, end, salience, fold, classID, class
  audio/foldN/SLICE.wav       fold1 to fold10""",
    read=_urbansound8k,
)
