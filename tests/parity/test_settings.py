"""Settings files of transformers' folders: each key that its classes have is read, wanted at one value, or known to change nothing."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import published_models
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert import checkpoint_file  # noqa: E402
from auricle.models.convert.convert import load_checkpoint, model_config, recognise  # noqa: E402
from auricle.models.convert.formats import ast, hf_clap, speech, whisper  # noqa: E402
from auricle.models.convert.hf_config import ANY_EXTRACTOR, ConfigKeys, ExtractorKeys  # noqa: E402
from auricle.signal.crop import fit  # noqa: E402
from auricle.signal.frontend import open_frontend  # noqa: E402

TINY = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 96}
#: Fields of every config, which say what the folder is and how its outputs are packed.
ANY_CONFIG = {field.name for field in dataclasses.fields(transformers.PreTrainedConfig)} - {"problem_type", "id2label", "label2id"}

CONFIGS = {
    "AST": (transformers.ASTConfig, ast.CONFIG),
    "Whisper": (transformers.WhisperConfig, whisper.CONFIG),
    "wav2vec 2.0": (transformers.Wav2Vec2Config, speech.CONFIG),
    "HuBERT": (transformers.HubertConfig, speech.CONFIG),
    "WavLM": (transformers.WavLMConfig, speech.CONFIG),
    "CLAP": (transformers.ClapConfig, hf_clap.CONFIG),
    "CLAP's text": (transformers.ClapTextConfig, hf_clap.TEXT_CONFIG),
    "CLAP's sound": (transformers.ClapAudioConfig, hf_clap.AUDIO_CONFIG),
}
EXTRACTORS = {
    "AST": (transformers.ASTFeatureExtractor, ast.EXTRACTOR),
    "Whisper": (transformers.WhisperFeatureExtractor, whisper.EXTRACTOR),
    "wav2vec 2.0": (transformers.Wav2Vec2FeatureExtractor, speech.EXTRACTOR),
    "CLAP": (transformers.ClapFeatureExtractor, hf_clap.EXTRACTOR),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_field_of_a_config_is_known(name: str) -> None:
    theirs, ours = CONFIGS[name]
    fields = {field.name for field in dataclasses.fields(theirs)} - ANY_CONFIG
    assert not fields - ours.keys - {"problem_type", "id2label", "label2id"}


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_field_of_an_extractor_is_known(name: str) -> None:
    theirs, ours = EXTRACTORS[name]
    given = set(inspect.signature(theirs.__init__).parameters) - {"self", "kwargs", "args"}
    assert not (given | theirs().to_dict().keys()) - ours.keys - ANY_EXTRACTOR


@pytest.mark.parametrize("known", [*(ours for _, ours in CONFIGS.values()), *(ours for _, ours in EXTRACTORS.values())])
def test_a_key_is_of_one_kind(known: ConfigKeys) -> None:
    assert not known.read & known.irrelevant and not known.required.keys() & (known.read | known.irrelevant)


def ast_folder(folder: Path) -> Path:
    transformers.ASTForAudioClassification(transformers.ASTConfig(**TINY, num_labels=5)).save_pretrained(folder)
    transformers.ASTFeatureExtractor().save_pretrained(folder)
    return folder


def whisper_folder(folder: Path) -> Path:
    sizes = {"d_model": 64, "encoder_layers": 1, "encoder_attention_heads": 1, "decoder_layers": 1, "decoder_attention_heads": 1}
    tokens = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3, "vocab_size": 20}
    transformers.WhisperModel(transformers.WhisperConfig(**sizes, **tokens)).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def speech_folder(folder: Path) -> Path:
    sizes = {**TINY, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(**sizes)).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    return folder


def clap_folder(folder: Path) -> Path:
    published_models.clap_folder(folder)
    transformers.ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc").save_pretrained(folder)
    return folder


FOLDERS: dict[str, tuple[Callable[[Path], Path], ConfigKeys, ExtractorKeys]] = {
    "AST": (ast_folder, ast.CONFIG, ast.EXTRACTOR),
    "Whisper": (whisper_folder, whisper.CONFIG, whisper.EXTRACTOR),
    "wav2vec 2.0": (speech_folder, speech.CONFIG, speech.EXTRACTOR),
    "CLAP": (clap_folder, hf_clap.CONFIG, hf_clap.EXTRACTOR),
}


def other(value: object) -> object:
    """A value that is not this one."""
    return {"another": 1} if not isinstance(value, (bool, int, float)) else not value if isinstance(value, bool) else value + 1


def settle(folder: Path) -> Any:
    found = checkpoint_file.read(folder)
    return model_config(found, recognise(found), "it")


def changed(folder: Path, name: str, *, within: str | None = None, **values: object) -> None:
    """A settings file with some values changed."""
    said = json.loads((folder / name).read_text())
    (said[within] if within else said).update(values)
    (folder / name).write_text(json.dumps(said))


@pytest.mark.parametrize("name", FOLDERS)
def test_values_that_are_not_built_are_refused_by_name(name: str, tmp_path: Path) -> None:
    make, config, extractor = FOLDERS[name]
    folder = make(tmp_path)
    settle(folder)  # as saved, it is read
    for file, wanted in (("config.json", config.required), ("preprocessor_config.json", extractor.required)):
        before = (folder / file).read_text()
        for key, value in wanted.items():
            changed(folder, file, **{key: other(value)})
            with pytest.raises(ModelError, match=f"{file}: {key} is .*; wanted .*, other values are not supported"):
                settle(folder)
            (folder / file).write_text(before)
    changed(folder, "preprocessor_config.json", spectral_flatness=0.5)
    with pytest.raises(ModelError, match=r"spectral_flatness is 0.5, an unknown key"):
        settle(folder)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("AST", "max_length", 512),
        ("Whisper", "feature_size", 128),
        ("Whisper", "chunk_length", 10),
        ("CLAP", "feature_size", 128),
        ("CLAP", "truncation", "fusion"),
        ("CLAP", "padding", "mirror"),
    ],
)
def test_an_extractor_that_does_not_fit_its_weights_is_refused_by_name(name: str, key: str, value: object, tmp_path: Path) -> None:
    folder = FOLDERS[name][0](tmp_path)
    changed(folder, "preprocessor_config.json", **{key: value})
    with pytest.raises(ModelError, match=f"preprocessor_config.json: {key} is {value!r}; wanted "):
        settle(folder)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("audio_config", "patch_stride", [2, 2]),
        ("audio_config", "enable_fusion", True),
        ("audio_config", "spec_size", 128),
        ("audio_config", "layer_norm_eps", 1e-3),
        ("text_config", "hidden_act", "relu"),
        ("text_config", "pad_token_id", 0),
    ],
)
def test_parts_of_a_clap_are_checked_too(part: str, key: str, value: object, tmp_path: Path) -> None:
    folder = clap_folder(tmp_path)
    changed(folder, "config.json", within=part, **{key: value})
    with pytest.raises(ModelError, match=f"{key} is "):
        settle(folder)


def test_more_frames_than_the_front_end_gives_are_refused(tmp_path: Path) -> None:
    transformers.ASTModel(transformers.ASTConfig(**TINY, max_length=2048)).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="max_length is 2048; wanted at most 1024"):
        settle(tmp_path)


@pytest.mark.parametrize("key", ["max_length", "layer_norm_eps", "num_attention_heads", "id2label", "time_stride"])
@pytest.mark.parametrize("value", ["x", [], {}, None, 0])
def test_values_of_a_wrong_type_are_one_line(key: str, value: object, tmp_path: Path) -> None:
    """Whatever stands there: it is read, or refused in one line."""
    folder = ast_folder(tmp_path)
    changed(folder, "config.json", **{key: value})
    try:
        settle(folder)
    except ModelError as error:
        assert "\n" not in str(error)


def test_settings_of_a_processor_are_read_where_one_was_saved(tmp_path: Path) -> None:
    """transformers 5 keeps the extractor's settings inside processor_config.json, which it prefers."""
    folder = ast_folder(tmp_path)
    plain = settle(folder).encoder
    changed(folder, "preprocessor_config.json", mean=-6.0, std=2.0)
    own = settle(folder).encoder
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": {**said, "mean": -4.2677393, "std": 4.5689974}}))
    assert settle(folder).encoder == plain != own
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "some"}))
    assert settle(folder).encoder == own


@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
def test_short_clips_of_clap_are_filled_up_as_the_folder_says(padding: str, tmp_path: Path) -> None:
    """transformers' own features beside ours."""
    folder = clap_folder(tmp_path)
    changed(folder, "preprocessor_config.json", padding=padding)
    config = settle(folder)
    samples = np.random.default_rng(0).standard_normal(48_000 * 3 + 777).astype(np.float32) * 0.1
    theirs = transformers.ClapFeatureExtractor.from_pretrained(folder)(samples, sampling_rate=48_000, return_tensors="np")
    ours = open_frontend(config.frontend).features(fit(samples, 480_000, config.window.pad))
    np.testing.assert_allclose(ours, theirs["input_features"][0, 0], atol=2e-3)


def test_a_whisper_with_a_head_is_read_as_its_encoder(tmp_path: Path) -> None:
    sizes = {"d_model": 64, "encoder_layers": 1, "encoder_attention_heads": 1, "decoder_layers": 1, "decoder_attention_heads": 1}
    sizes["encoder_ffn_dim"] = 256
    transformers.WhisperForAudioClassification(transformers.WhisperConfig(**sizes, num_labels=3)).save_pretrained(tmp_path)
    model, _, report = load_checkpoint(checkpoint_file.read(tmp_path), name="it")
    assert model.config.labels == () and {"projector.weight", "classifier.weight"} <= report.ignored.keys()
