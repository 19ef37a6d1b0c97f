"""Transformer encoders against transformers: random weights saved as it saves them, the whole way from a waveform to the states."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import auricle  # noqa: E402
from auricle.core import audioset  # noqa: E402
from auricle.core.config import encoder_config  # noqa: E402
from auricle.core.errors import ModelError  # noqa: E402
from auricle.models.convert import checkpoint_file, rules  # noqa: E402
from auricle.models.convert.formats import formats  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.signal.frontend import open_frontend  # noqa: E402

CLOSE = 1e-4


def converted(folder: Path, name: str) -> Model:
    """The folder as our model, read by the format of that name, which has to be the one that recognises it."""
    found = checkpoint_file.read(folder)
    form = next(form for form in formats() if form.recognise(found))
    assert form.name == name
    settings = form.settings(found)
    translated = rules.translate(found.tensors, form.rules(found))
    assert not translated.unexpected
    model = Model(encoder_config(name="it", source="made", **settings))
    model.load_state_dict(translated.tensors, strict=True)
    return model.eval()


def randomised(model: Any, seed: int) -> Any:
    """Every tensor with values that matter, of a size that keeps activations sane."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.named_parameters():
        noise = torch.randn(tensor.shape, generator=generator)
        if tensor.ndim > 1:
            fan = tensor[0].numel()
            tensor.data = noise * (0.8 / math.sqrt(fan)) if fan > 1 else noise
        else:
            tensor.data = 0.1 * noise + (name.endswith("weight"))
    return model.eval()


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """A chirp over noise, float32 (N,) at 16 kHz."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    chirp = 0.3 * np.sin(2 * np.pi * (200 + 500 * time) * time)
    return (chirp + 0.05 * generator.standard_normal(time.size)).astype(np.float32)


def apart(ours: Any, theirs: Any) -> float:
    """Relative distance, L2."""
    assert ours.shape == theirs.shape
    return float((ours - theirs).norm() / theirs.norm())


@torch.no_grad()
def heard(model: Model, samples: np.ndarray) -> Any:
    """Our embedding of one waveform, layers included."""
    features = open_frontend(model.config.frontend).features(samples)
    return model.encode(torch.from_numpy(features)[None], with_layers=True)


TINY = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96}


def same_layers(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> None:
    """All but the last, which some of theirs give behind the last norm."""
    assert len(ours) == len(theirs)
    assert max(apart(one, other) for one, other in zip(ours[:-1], theirs[:-1], strict=True)) < CLOSE


@torch.no_grad()
@pytest.mark.parametrize(
    ("sizes", "seconds"),
    [
        ({**TINY, "num_labels": 7, "time_stride": 16, "layer_norm_eps": 1e-6}, 11.0),
        ({"num_labels": 527, "num_hidden_layers": 1}, 2.0),
    ],
)
def test_ast(sizes: dict[str, Any], seconds: float, tmp_path: Path) -> None:
    """The tagger, tiny with strides that differ, and at its published width."""
    theirs = randomised(transformers.ASTForAudioClassification(transformers.ASTConfig(**sizes)), 1)
    theirs.save_pretrained(tmp_path)
    ours = converted(tmp_path, "ast-transformers")
    samples = sound(seconds)
    inputs = transformers.ASTFeatureExtractor()(samples, sampling_rate=16000, return_tensors="pt")
    wanted = theirs.audio_spectrogram_transformer(**inputs, output_hidden_states=True)
    told = heard(ours, samples)
    assert apart(told.pooled, wanted.pooler_output) < CLOSE
    assert apart(told.clip_logits, theirs.classifier(wanted.pooler_output)) < CLOSE
    grid = ours.encoder.grid
    last = wanted.last_hidden_state[:, 2:].reshape(1, grid[1], grid[0], -1).transpose(1, 2)  # theirs has frequency outside
    assert apart(told.frames, last.mean(dim=2)) < CLOSE
    assert apart(told.layers[-1][:, :2], wanted.hidden_states[-1][:, :2]) < CLOSE
    assert len(ours.config.labels) == sizes["num_labels"]


@pytest.mark.parametrize("problem", [None, "single_label_classification", "multi_label_classification"])
def test_ast_scores_labels_as_transformers_does(problem: str | None, tmp_path: Path) -> None:
    """Its pipeline beside ours: softmax, unless the folder says that labels are independent."""
    names = dict(enumerate(("rain", "siren", "dog", "cat", "engine")))
    config = transformers.ASTConfig(**TINY, num_labels=5, id2label=names, problem_type=problem)
    theirs = randomised(transformers.ASTForAudioClassification(config), 4)
    extractor = transformers.ASTFeatureExtractor()
    theirs.save_pretrained(tmp_path)
    extractor.save_pretrained(tmp_path)
    samples = sound(10.0)
    pipeline = transformers.pipeline("audio-classification", model=theirs, feature_extractor=extractor)
    wanted = {told["label"]: told["score"] for told in pipeline(samples, top_k=None)}
    heard = auricle.load(tmp_path).tag(auricle.Clip(samples[None], 16000), top=None)
    assert {tag.label: tag.score for tag in heard.tags} == pytest.approx(wanted, abs=1e-4)
    best = max(wanted, key=lambda name: wanted[name])
    independent = problem == "multi_label_classification"
    assert {tag.label for tag in heard.tags if tag.present} == ({name for name in wanted if wanted[name] >= 0.5} if independent else {best})
    assert auricle.load(tmp_path).config.activation == ("sigmoid" if independent else "softmax")


def test_ast_of_audioset_stays_as_it_was_trained(tmp_path: Path) -> None:
    """Its folder says no problem type, and its 527 labels are independent."""
    theirs = transformers.ASTForAudioClassification(transformers.ASTConfig(**TINY, num_labels=527))
    for labels, wanted in (({}, "softmax"), (dict(enumerate(audioset.labels())), "sigmoid")):
        theirs.config.id2label = labels or {place: f"LABEL_{place}" for place in range(527)}
        theirs.save_pretrained(tmp_path)
        assert converted(tmp_path, "ast-transformers").config.activation == wanted


def test_a_head_of_other_numbers_is_refused_by_name(tmp_path: Path) -> None:
    config = transformers.ASTConfig(**TINY, num_labels=1, problem_type="regression")
    transformers.ASTForAudioClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="problem_type is 'regression'; wanted single_label_classification"):
        converted(tmp_path, "ast-transformers")


@torch.no_grad()
def test_ast_alone_with_statistics_of_its_own(tmp_path: Path) -> None:
    """A trunk without head, in a folder whose front-end normalises by other statistics and hears one second."""
    config = transformers.ASTConfig(**TINY, max_length=128)
    theirs = randomised(transformers.ASTModel(config), 2)
    theirs.save_pretrained(tmp_path)
    extractor = transformers.ASTFeatureExtractor(max_length=128, mean=-6.845978, std=5.5654526)
    extractor.save_pretrained(tmp_path)
    ours = converted(tmp_path, "ast-transformers")
    assert ours.config.window.seconds == 1.28
    samples = sound(1.0)
    wanted = theirs(**extractor(samples, sampling_rate=16000, return_tensors="pt"))
    told = heard(ours, samples)
    assert apart(told.pooled, wanted.pooler_output) < CLOSE
    assert told.clip_logits is None and ours.config.labels == ()


def test_ast_of_the_published_folder_has_older_names() -> None:
    """The names that the folder on the hub has, from before version 5 of transformers."""
    width, labels = 64, 527
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, width),
        "embeddings.distillation_token": (1, 1, width),
        "embeddings.position_embeddings": (1, 1214, width),
        "embeddings.patch_embeddings.projection.weight": (width, 1, 16, 16),
        "embeddings.patch_embeddings.projection.bias": (width,),
        "layernorm.weight": (width,),
        "layernorm.bias": (width,),
    }
    linear = {"intermediate.dense": (96, width), "output.dense": (width, 96), "attention.output.dense": (width, width)}
    linear |= {f"attention.attention.{name}": (width, width) for name in ("query", "key", "value")}
    for name, (outputs, inputs) in linear.items():
        shapes |= {f"encoder.layer.0.{name}.weight": (outputs, inputs), f"encoder.layer.0.{name}.bias": (outputs,)}
    for name in ("layernorm_before", "layernorm_after"):
        shapes |= {f"encoder.layer.0.{name}.{kind}": (width,) for kind in ("weight", "bias")}
    tensors = {f"audio_spectrogram_transformer.{name}": torch.zeros(shape) for name, shape in shapes.items()}
    tensors |= {f"classifier.layernorm.{kind}": torch.zeros(width) for kind in ("weight", "bias")}
    tensors |= {"classifier.dense.weight": torch.zeros(labels, width), "classifier.dense.bias": torch.zeros(labels)}
    found = checkpoint_file.Checkpoint(Path("folder"), tensors, {}, {})
    form = next(form for form in formats() if form.recognise(found))
    settings = form.settings(found)
    translated = rules.translate(tensors, form.rules(found))
    model = Model(encoder_config(name="it", source="made", **settings))
    assert not translated.unexpected
    model.load_state_dict(translated.tensors, strict=True)
    assert model.config.labels == audioset.labels()


@torch.no_grad()
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("sizes", [{"d_model": 64, "encoder_layers": 2, "num_mel_bins": 128}, {"d_model": 512, "encoder_layers": 1}])
def test_whisper(sizes: dict[str, int], whole: bool, tmp_path: Path) -> None:
    """The encoder, tiny with 128 bands, and as wide as whisper-base; saved alone or below the model that writes."""
    few = {
        "encoder_attention_heads": sizes["d_model"] // 64,
        "encoder_ffn_dim": 4 * sizes["d_model"],
        "vocab_size": 20,
        "decoder_layers": 1,
    }
    tokens = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3}
    config = transformers.WhisperConfig(**sizes, **few, **tokens, decoder_ffn_dim=64, decoder_attention_heads=2)
    kind = transformers.WhisperForConditionalGeneration if whole else transformers.WhisperModel
    theirs = randomised(kind(config), 3)
    theirs.save_pretrained(tmp_path)
    ours = converted(tmp_path, "whisper-transformers")
    samples = sound(4.0)
    extractor = transformers.WhisperFeatureExtractor(feature_size=config.num_mel_bins)
    inputs = extractor(samples, sampling_rate=16000, return_tensors="pt").input_features
    encoder = theirs.get_encoder() if whole else theirs.encoder
    wanted = encoder(inputs, output_hidden_states=True)
    told = heard(ours, samples)
    assert apart(told.frames, wanted.last_hidden_state) < CLOSE
    same_layers(told.layers, wanted.hidden_states)
    assert told.frame_rate == 50.0


SPEECH = {
    **TINY,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_buckets": 32,
    "max_bucket_distance": 60,
}
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


@torch.no_grad()
@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert", "WavLM"])
@pytest.mark.parametrize(("large", "told"), [(False, False), (False, True), (True, True)])
def test_speech(kind: str, large: bool, told: bool, tmp_path: Path) -> None:
    """Layouts of the base and of the large models, with and without a normalised waveform."""
    sizes = dict(SPEECH) if kind == "WavLM" else {k: v for k, v in SPEECH.items() if "bucket" not in k}
    config = getattr(transformers, f"{kind}Config")(**sizes, **(STABLE if large else {}))
    theirs = randomised(getattr(transformers, f"{kind}Model")(config), 4)
    theirs.save_pretrained(tmp_path)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=told)
    extractor.save_pretrained(tmp_path)
    ours = converted(tmp_path, kind.lower())
    samples = sound(1.7) + np.float32(0.1)
    wanted = theirs(**extractor(samples, sampling_rate=16000, return_tensors="pt"), output_hidden_states=True)
    heard_here = heard(ours, samples)
    assert apart(heard_here.frames, wanted.last_hidden_state) < CLOSE
    same_layers(heard_here.layers, wanted.hidden_states)
    assert heard_here.frame_rate == 50.0


@torch.no_grad()
def test_speech_of_two_lengths(tmp_path: Path) -> None:
    """A padded batch, where transformers masks attention: the large layout, whose norms do not look across padding."""
    config = transformers.WavLMConfig(**SPEECH, **STABLE)
    theirs = randomised(transformers.WavLMModel(config), 5)
    theirs.save_pretrained(tmp_path)
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True)
    extractor.save_pretrained(tmp_path)
    ours = converted(tmp_path, "wavlm")
    pair = [sound(1.5), sound(0.9, seed=1)]
    inputs = extractor(pair, sampling_rate=16000, return_tensors="pt", padding=True)
    wanted = theirs(**inputs).last_hidden_state
    told = ours.encode(inputs["input_values"], inputs["attention_mask"].bool())
    assert told.mask is not None
    for row in range(2):
        assert apart(told.frames[row][told.mask[row]], wanted[row][told.mask[row]]) < CLOSE
