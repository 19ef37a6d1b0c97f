from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.core.model_files import read_config
from auricle.data import corpora
from auricle.data.class_exclusion import matches_class
from auricle.data.corpora import ambience
from auricle.data.corpora.assembled import RELATED_FOLDS
from auricle.data.corpora.clip_table import Row, fold
from auricle.data.licences import is_trainable
from auricle.runtime import catalog
from recipes import synthetic
from recipes.tiny import CORPORA
from recipes.tiny.label_map import SHARED, LabelMap, read_label_map

#: Class of ESC-50 and a label that stays when the class is excluded, although AudioSet's name of the class is true of it.
KEPT = {
    ("engine", "chainsaw"),
    ("engine", "early jet take off"),
    ("engine", "lumber mill: chainsaw"),
    ("engine", "mach 1+ jet take off"),
    ("engine", "modern jet take off"),
    ("mouse click", "geiger counter"),
    ("insects", "summer-night"),  # crickets
    ("sheep", "goat bleating"),
    ("train", "steam engine going in tunnel"),  # a train by the label that its module gives
}

FURTHER = [name for name, corpus in corpora.CORPORA.items() if corpus.published and name not in CORPORA]


@pytest.fixture(scope="module")
def labels() -> LabelMap:
    return read_label_map()


def row(corpus: str, label: str, *given: str) -> Row:
    return Row(path=Path("x"), label=label, labels=given or (label,), corpus=corpus, source="s", licence="CC0")


def meanings(labels: LabelMap) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [(corpus, label, one.audioset, one.finer) for corpus, section in labels.labels.items() for label, one in section.items()]


def test_all_names_are_of_audioset(labels: LabelMap) -> None:
    names = set(audioset.labels())
    assert set(labels.plain) == names and labels.loose <= names
    assert {name for _, _, found, _ in meanings(labels) for name in found} <= names
    assert set(filter(None, labels.current.values())) <= names


def test_no_label_has_a_name_and_its_ancestor(labels: LabelMap) -> None:
    for corpus, label, names, _ in meanings(labels):
        assert len(set(names)) == len(names)
        above = {ancestor for name in names for ancestor in labels.ancestors(name)}
        assert not above & set(names), (corpus, label, above & set(names))


def test_plain_names_are_lower_case_and_mean_one_thing(labels: LabelMap) -> None:
    finer = {name for *_, name in meanings(labels) if name}
    assert [name for name in (*labels.plain.values(), *finer) if not re.fullmatch(r"[a-z][a-z' -]*[a-z]", name)] == []
    assert max(Counter(labels.plain.values()).values()) == 1
    assert not finer & set(labels.plain.values())


def test_the_labels_of_the_shipped_model_keep_their_names(labels: LabelMap) -> None:
    assert tuple(labels.current) == tuple(read_config(catalog.find_folder(catalog.DEFAULT) / "config.json").labels)
    finer = {name for *_, name in meanings(labels) if name}
    for label, name in labels.current.items():
        assert label in finer if name is None else labels.plain[name] == label


def test_ancestors_follow_unless_the_name_is_loose(labels: LabelMap) -> None:
    assert labels.ancestors("Bark") == ("Dog", "Domestic animals, pets", "Animal")
    assert labels.ancestors("Police car (siren)") == ("Emergency vehicle", "Siren", "Motor vehicle (road)", "Alarm", "Vehicle")
    assert labels.ancestors("Static") == ("Noise",)  # its parent, "Background noise", is not among the 527
    assert labels.ancestors("Church bell") == ("Bell",) and labels.ancestors("Whoosh, swoosh, swish") == ()
    assert labels.names(row("openclonk", "creaking door")) == ("creaking door", "creaking", "door")
    assert labels.names(row("esc50", "crying_baby")) == ("crying baby", "crying")
    assert labels.names(row("berklee_olpc", "")) == () == labels.names(row("kenney", "glass"))
    assert labels.meaning("donateacry", "burping") != labels.meaning("open_ambience", "burping")
    with pytest.raises(InputError, match=r"labels\.json lacks the label 'moose' of openclonk"):
        labels.meaning("openclonk", "moose")


def test_synthetic_clips_have_the_names_of_all_their_labels(labels: LabelMap) -> None:
    made = json.loads((Path(synthetic.__file__).parent / "audioset_names.json").read_text(encoding="utf-8"))["names"]
    assert set(labels.labels["synthetic"]) >= set(made)
    for words in ambience.WORDS.values():  # which are mixed under some clips
        assert all(labels.meaning("synthetic", word) for word in words)
    bells = row("synthetic", "bell; church bells")
    assert labels.split(bells) == ((), ("Church bell",)) and labels.names(bells) == ("church bells", "bell")
    assert labels.split(row("synthetic", "music; tuba; violin")) == (("tuba",), ("Violin, fiddle", "Brass instrument"))
    assert labels.split(row("synthetic", "")) == ((), ())


def test_the_classes_of_esc50_exclude_their_sounds_elsewhere(labels: LabelMap) -> None:
    """A label that certainly has a class of ESC-50 is excluded with the class."""
    for category, meaning in labels.labels["esc50"].items():
        name = category.replace("_", " ")
        wanted = {*meaning.audioset[:1], labels.current.get(name)}
        for corpus, label, names, finer in meanings(labels):
            if corpus in ("esc50", "donateacry", "synthetic") or (name, label) in KEPT:  # synthetic clips have general labels too
                continue
            above = {ancestor for one in names for ancestor in labels.ancestors(one)}
            if wanted & {*names, *above} or finer == name:
                assert matches_class(row(corpus if corpus != SHARED else "openclonk", label), name), (name, corpus, label)


# The recordings themselves


def test_every_real_label_is_mapped(labels: LabelMap, data: Path) -> None:
    used = set()
    for one in corpora.read(data):
        labels.meaning(one.corpus, one.label)
        used.add((one.corpus if one.label.lower() in labels.labels.get(one.corpus, {}) else SHARED, one.label.lower()))
    written = {(corpus, label) for corpus, label, *_ in meanings(labels) if corpus != "synthetic"}
    assert written - used == set()  # nothing in the file that no clip has


def test_every_class_of_real_esc50_keeps_its_name(labels: LabelMap, data: Path) -> None:
    for one in corpora.read(data, ["esc50"]):
        assert one.labels[0] in labels.names(one), one.label


def test_the_corpora_of_the_shipped_model_stay(data: Path) -> None:
    rows = [one for one in corpora.read(data) if one.corpus in CORPORA and is_trainable(one)]
    counts = Counter(label for one in rows for label in one.labels)
    assert len(rows) == 2042
    assert sorted(label for label, clips in counts.items() if clips >= 15) == list(read_label_map().current)


def test_docs_state_the_real_counts(labels: LabelMap, data: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
    for corpus in FURTHER:
        rows = corpora.read(data, [corpus])
        named = {one.label.lower() for one in rows if one.labels}
        known = sum(bool(labels.meaning(corpus, label).audioset) for label in named)
        counts = (len(rows), sum(map(is_trainable, rows)), sum(bool(one.labels) for one in rows), len(named), known)
        assert f"| `{corpus}` | {' | '.join(map(str, counts))} | {sum(not one.sure for one in rows)} |" in page


def test_authors_of_esc50_are_in_the_fold_of_their_class(labels: LabelMap, data: Path) -> None:
    """RELATED_FOLDS names every source of the assembled corpora whose author has clips of the same class in ESC-50."""
    by_author: dict[str, set[Row]] = {}
    for one in corpora.read(data, ["esc50"]):
        for author in authors(one):
            by_author.setdefault(author, set()).add(one)
    related = set()
    for one in corpora.read(data, FURTHER):
        same = [other for author in authors(one) for other in by_author.get(author, ()) if same_class(labels, one, other)]
        if same:
            related.add(one.source)
            assert fold(one) in {fold(other) for other in same}, one
    assert related == {source.removeprefix("freesound/") for source in RELATED_FOLDS}


def authors(one: Row) -> set[str]:
    named = {*re.split(r"[,&(]| and |mix by", one.author), *re.findall(r"people/([^/]+)/", one.url.replace("%20", " "))}
    return {name for name in (re.sub(r"[^a-z0-9]", "", name.lower()) for name in named) if name}


def same_class(labels: LabelMap, one: Row, other: Row) -> bool:
    names, others = (set(labels.meaning(each.corpus, each.label).audioset) for each in (one, other))
    above, above_others = ({ancestor for name in found for ancestor in labels.ancestors(name)} for found in (names, others))
    return bool(names & others or names & above_others or others & above)
