"""Published checkpoints by name: the table and its sources, download, files put into the cache by hand, and the models they become."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, closed_address, serve
from pydantic import ValidationError

from auricle.core import download
from auricle.core.errors import InputError, ModelError
from auricle.runtime import catalog, known
from auricle.runtime.known import File, KnownModel

ROOT = Path(__file__).parents[2]
WEIGHTS = Path(os.environ.get("AURICLE_DATA") or "missing").resolve().parent / "weights" / "mn04_as_mAP_432.pt"
CONTENT = b"weights" * 10_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PUBLISHED = {"sha256": DIGEST, "sha256_by": "publisher", "sha256_source": "a test"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURICLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    return tmp_path / "cache"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve(CONTENT) as running:
        yield running


def listed(monkeypatch: pytest.MonkeyPatch, *files: dict[str, object], **facts: object) -> KnownModel:
    """A table with one model, of these files. Addresses of this machine are not HTTPS, which the table wants."""
    model = known.models()["mn04"].model_copy(
        update={"name": "ours", "files": tuple(File.model_construct(**{**FILE, **file}) for file in files), **facts}
    )
    monkeypatch.setattr(known, "models", lambda: {"ours": model})
    return model


FILE: dict[str, object] = {
    **{name: field.default for name, field in File.model_fields.items()},
    "name": "ours.pt",
    "source": "a test",
    "size": len(CONTENT),
    "exact": True,
    "size_source": "a test",
}


def test_every_fact_of_the_table_has_a_source_and_every_format_is_converted() -> None:
    pytest.importorskip("torch")
    from auricle.models.convert.formats import formats

    models = known.models()
    assert {model.format for model in models.values()} <= {fmt.name for fmt in formats()}
    assert list(models) == [model.name for model in models.values()] and catalog.BETTER in models
    addresses = [file.url for model in models.values() for file in model.files if file.url]
    assert len(addresses) == len(set(addresses)) and not any("@" in address for address in addresses)
    for model in models.values():
        assert ("tags" in model.answers) == (model.labels > 0) and "embeddings" in model.answers
        tagger = next(fmt for fmt in formats() if fmt.name == model.format)
        names = {file.name for file in model.files}
        assert tagger.tokenizer is None or "tokenizer.json" in names, f"{model.name}: converting it would download a tokenizer"


def test_the_page_lists_the_table() -> None:
    page = (ROOT / "docs" / "models" / "published.md").read_text(encoding="utf-8")
    for model in known.models().values():
        assert f"`{model.name}`" in page, model.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "http://example.org/x"}, "https"),
        ({"sha256": DIGEST}, "who states it"),
        ({"size": None, "size_source": None}, "a download needs a size"),
        ({"name": "../x"}, "pattern"),
        ({"name": ".x"}, "pattern"),
    ],
)
def test_a_table_with_gaps_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        File.model_validate({**FILE, "url": "https://example.org/x", **change})


def test_get_downloads_once_and_what_is_damaged_again(server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = listed(monkeypatch, {"url": server.url, **PUBLISHED})
    with pytest.raises(
        ModelError, match=f"not on this machine; get it with: auricle models get ours .0.1 MB.; or download {server.url} as"
    ):
        known.find("ours")
    (first,) = known.get("ours")
    assert (first.sha256, first.is_new) == (DIGEST, True)
    path = cache / "published" / "ours" / "ours.pt"
    assert known.find("ours") == path and path.read_bytes() == CONTENT and model.is_here
    known.check_hashes("ours")
    assert not known.get("ours")[0].is_new and len(server.asked) == 1
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(ModelError, match="remove it, then get it again: auricle models get ours"):
        known.check_hashes("ours")
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match="has 69999 bytes; wanted 70000"):
        known.find("ours")
    assert known.get("ours")[0].is_new and path.read_bytes() == CONTENT


def test_without_a_network_it_says_where_the_file_is_and_goes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = closed_address()
    listed(monkeypatch, {"url": address, **PUBLISHED})
    with pytest.raises(ModelError) as failed:
        known.get("ours")
    folder = cache / "published" / "ours"
    assert str(failed.value).startswith(f"{address} could not be downloaded (Connection refused); try again, or download it in another way")
    assert f", as ours.pt to the folder {folder}, and use it as: -m ours" in str(failed.value)
    assert list(folder.iterdir()) == []
    (folder / "ours.pt").write_bytes(CONTENT)  # somebody does as it says
    assert known.find("ours") == folder / "ours.pt" and not known.get("ours")[0].is_new


def test_without_a_network_it_names_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    address = closed_address()
    listed(monkeypatch, {"url": address}, {"url": "https://example.org/tokenizer.json", "name": "tokenizer.json"})
    with pytest.raises(ModelError, match=r"ours, https://example\.org/tokenizer\.json likewise, and use it as"):
        known.get("ours")


def test_a_wrong_file_is_refused(server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = CONTENT[::-1]
    listed(monkeypatch, {"url": server.url, **PUBLISHED})
    with pytest.raises(ModelError, match="its SHA-256 is"):
        known.get("ours")
    assert list((cache / "published" / "ours").iterdir()) == []


def test_a_rounded_size_bounds_the_file(server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, {"url": server.url, "exact": False, "size": 80_000})
    assert known.get("ours")[0].sha256 == DIGEST and "unverified" in known.models()["ours"].files[0].verification
    path = known.find("ours")
    for size in (300, 400_000):
        path.write_bytes(b"x" * size)
        with pytest.raises(ModelError, match=f"has {size} bytes; wanted 53333 to 220000"):
            known.find("ours")
    server.content = CONTENT * 10
    with pytest.raises(ModelError, match="has 700000 bytes; wanted at most 220000"):
        known.get("ours")


def test_without_a_direct_link_a_person_does_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, {"size": None, "exact": False, "size_source": None}, page="https://example.org/models")
    for call in (known.get, known.find):
        with pytest.raises(
            ModelError, match=r"no direct link;? ?;? download ours.pt in a browser by the links of https://example.org/models, to"
        ):
            call("ours")
    (cache / "published" / "ours" / "ours.pt").write_bytes(CONTENT)
    assert known.find("ours") and known.get("ours")[0].sha256 == DIGEST


def test_an_unknown_name_is_an_argument_that_is_wrong() -> None:
    with pytest.raises(InputError, match="no published model 'mn99' is listed; wanted one of mn04, mn05"):
        known.get("mn99")


@pytest.mark.slow
def test_a_known_name_opens_as_a_model(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of transformers, file by file: converted once, refused when a file has another hash."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import published_models

    source = published_models.clap_folder(tmp_path / "source")
    names = ["model.safetensors", "config.json", "tokenizer.json"]
    hashes = {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in names}
    listed(
        monkeypatch,
        *(
            {
                "name": name,
                "url": f"https://example.org/{name}",
                "size": (source / name).stat().st_size,
                **PUBLISHED,
                "sha256": hashes[name],
            }
            for name in names
        ),
    )
    with pytest.raises(ModelError, match="auricle models get ours"):
        catalog.find_folder("ours")
    (cache / "published" / "ours").mkdir(parents=True)
    for name in names:
        shutil.copy(source / name, cache / "published" / "ours" / name)
    folder = catalog.find_folder("ours")
    assert folder.is_relative_to(cache / "models") and folder.name.startswith("ours-") and catalog.find_folder("ours") == folder
    assert json.loads((folder / "config.json").read_text())["name"] == "ours"
    tokens = cache / "published" / "ours" / "tokenizer.json"
    tokens.write_text(tokens.read_text().replace("a", "b"))
    with pytest.raises(ModelError, match=r"tokenizer\.json: its SHA-256 is"):
        catalog.find_folder("ours")


def test_a_path_comes_before_a_known_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mn04").mkdir()
    assert catalog.find_folder("mn04") == Path("mn04")


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.is_file(), reason="wants AURICLE_DATA and, beside it, weights/mn04_as_mAP_432.pt of EfficientAT")
def test_the_real_mn04_is_what_the_table_says(cache: Path) -> None:
    pytest.importorskip("torch")
    import auricle

    (cache / "published" / "mn04").mkdir(parents=True)
    shutil.copy(WEIGHTS, cache / "published" / "mn04")
    known.check_hashes("mn04")
    listener = auricle.load("mn04")
    assert listener.config.name == "mn04" and len(listener.config.labels) == known.models()["mn04"].labels
