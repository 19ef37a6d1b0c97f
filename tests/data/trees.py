"""Small trees in the layouts in which corpora are published, made of noise: one function a corpus, by its name in the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def sound(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(len(path.name)).normal(size=80) * 0.1, 8000)


def esc50(root: Path) -> None:
    root = root / "ESC-50-master"  # as an archive of the repository unpacks
    table = "filename,fold,target,category,esc10,src_file,take\n1-17-A-0.wav,1,0,dog,True,17,A\n5-18-B-20.wav,5,20,crying_baby,True,18,B\n"
    write(root / "meta" / "esc50.csv", table)
    write(root / "LICENSE", "- [1-17-A.ogg]: [Bark](http://www.freesound.org/people/x/sounds/17/) by x [CC-BY]\n")
    sound(root / "audio" / "1-17-A-0.wav", root / "audio" / "5-18-B-20.wav")


def fsd50k(root: Path) -> None:
    write(
        root / "FSD50K.ground_truth" / "dev.csv",
        'fname,labels,mids,split\n64760,"Electric_guitar,Music","/m/1,/m/2",train\n16399,Rain,/m/3,val\n',
    )
    write(root / "FSD50K.ground_truth" / "eval.csv", 'fname,labels,mids\n37199,"Bark,Dog","/m/4,/m/5"\n')
    about = {"64760": {"title": "t", "license": "http://creativecommons.org/licenses/by-nc/3.0/", "uploader": "someone"}}
    write(root / "FSD50K.metadata" / "dev_clips_info_FSD50K.json", json.dumps(about))
    sound(*(root / "FSD50K.dev_audio" / f"{name}.wav" for name in ("64760", "16399")), root / "FSD50K.eval_audio" / "37199.wav")


def clotho(root: Path) -> None:
    for split in ("development", "validation", "evaluation"):
        name = f"{split} clip, one.wav"
        captions = "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
        write(root / f"clotho_captions_{split}.csv", captions + f'"{name}",One.,"Two, too.",Three.,Four.,Five.\n')
        metadata = "file_name,keywords,sound_id,sound_link,start_end_samples,manufacturer,license\n"
        metadata += f'"{name}",Garble;police,80399,https://freesound.org/people/J\xfcrgen/sounds/80399,"[0, 9]",J\xfcrgen,'
        metadata += "http://creativecommons.org/publicdomain/zero/1.0/\n"
        (root / f"clotho_metadata_{split}.csv").write_bytes(metadata.encode("latin-1"))
        sound(root / split / name)


def clothoaqa(root: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        lines = [f"{number}.wav,Is it raining?,{answer},{sure}" for answer, sure in (("yes", "yes"), ("no", "maybe"), ("yes", "yes"))]
        lines += [f"{number}.wav,What falls?,{answer},yes" for answer in ("rain", "water", "rain")]
        write(root / f"clotho_aqa_{split}.csv", "\n".join(["file_name,QuestionText,answer,confidence", *lines]) + "\n")
        sound(root / "audio_files" / f"{number}.wav")
    write(
        root / "clotho_aqa_metadata.csv",
        "file_name,keywords,sound_id,sound_link,license\n0.wav,rain;roof,4711,https://freesound.org/s/4711,\n",
    )


def urbansound8k(root: Path) -> None:
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    lines = "100032-3-0-0.wav,100032,0.0,0.5,1,5,3,dog_bark\n7-1-0-0.wav,7,1.5,5.5,2,10,1,car_horn\n"
    write(root / "metadata" / "UrbanSound8K.csv", header + lines)
    sound(root / "audio" / "fold5" / "100032-3-0-0.wav", root / "audio" / "fold10" / "7-1-0-0.wav")


def audioset(root: Path) -> None:
    remarks = "# Segments csv created Sun Mar  5 10:54:25 2017\n# num_ytids=1\n# YTID, start_seconds, end_seconds, positive_labels\n"
    write(root / "balanced_train_segments.csv", remarks + '--PJHxphWEs, 30.000, 40.000, "/m/0bt9lr,/m/05tny_"\n')
    write(root / "unbalanced_train_segments.csv", remarks + '---1_cCGK4M, 0.000, 10.000, "/m/06mb1"\n')
    write(root / "eval_segments.csv", remarks + '-0RWZT-miFs, 420.000, 430.000, "/m/06mb1"\n')
    sound(root / "audio" / "a" / "Y--PJHxphWEs.wav", root / "audio" / "---1_cCGK4M_0.flac", root / "audio" / "-0RWZT-miFs_000420.ogg")


def audiocaps(root: Path) -> None:
    header = "audiocap_id,youtube_id,start_time,caption\n"
    write(root / "dataset" / "train.csv", header + '1,r1nicOVtvkQ,130,"A woman talks nearby, as water pours"\n')
    write(root / "dataset" / "val.csv", header + "".join(f"{n},vfY_TJq7n_U,30,Ducks quack {n}\n" for n in range(5)))
    write(root / "dataset" / "test.csv", header + "".join(f"{n},7fmOlUlwoNg,20,A rattle {n}\n" for n in range(5)))
    sound(root / "audio" / "r1nicOVtvkQ.wav", root / "audio" / "YvfY_TJq7n_U.wav", root / "audio" / "7fmOlUlwoNg_20.wav")


def vggsound(root: Path) -> None:
    write(root / "vggsound.csv", '---g-f_I2yQ,1,people marching,test\n--0PQM4-hqg,30,"waterfall burbling, loud",train\n')
    sound(root / "audio" / "---g-f_I2yQ_000001.wav", root / "audio" / "--0PQM4-hqg_000030.wav")


def wavcaps(root: Path) -> None:
    ids = {"AudioSet_SL": ("as", "Yb0RFKhbpFJA.wav"), "BBC_Sound_Effects": ("bbc", "NHU05093091"), "FreeSound": ("fsd", "2219")}
    for split, (short, name) in {**ids, "SoundBible": ("sb", "2219")}.items():
        entry = {"id": name, "caption": f"A sound of {split}.", "duration": 10.0, "audio": "wav_path", "author": None}
        told = {"num_captions_per_audio": 1, "data": [entry]}
        write(root / "json_files" / split / f"{short}_final.json", json.dumps(told))
        sound(root / "audio" / split / "mnt" / "fast" / f"{Path(name).stem}.flac")
    write(root / "json_files" / "blacklist" / "some.json", json.dumps({"AudioSet": ["Yb0RFKhbpFJA.wav"], "FreeSound": []}))


def tau2020mobile(root: Path) -> None:
    for split, place in (("train", "airport-lisbon-1000-40000-a"), ("evaluate", "street_traffic-paris-7-12-s3")):
        scene = place.partition("-")[0]
        write(root / "evaluation_setup" / f"fold1_{split}.csv", f"filename\tscene_label\naudio/{place}.wav\t{scene}\n")
        sound(root / "audio" / f"{place}.wav")


MACS = """\
files:
- annotations:
  - annotator_id: 44
    sentence: People are talking while
      a bird sings in the park
    tags:
    - adults_talking
    - birds_singing
  - annotator_id: 45
    sentence: 'Footsteps: near'
    tags:
    - footsteps
    - adults_talking
  filename: park-vienna-0-0-a.wav
"""


def macs(root: Path) -> None:
    write(root / "MACS.yaml", MACS)
    sound(root / "audio" / "park-vienna-0-0-a.wav")


def cochlscene(root: Path) -> None:
    for split, name in (("Train", "Bus_user0009_14897252_005"), ("Val", "Bus_user0014_1_001"), ("Test", "ResidentialArea_user0700_2_003")):
        sound(root / "CochlScene" / split / name.partition("_")[0] / f"{name}.wav")


def nsynth(root: Path) -> None:
    for split, name in (
        ("train", "bass_synthetic_068-049-025"),
        ("valid", "guitar_acoustic_000-060-100"),
        ("test", "flute_acoustic_002-077-100"),
    ):
        family, kind, rest = name.split("_")
        told = {name: {"instrument_family_str": family, "instrument_str": f"{family}_{kind}_{rest[:3]}", "pitch": 60, "velocity": 100}}
        write(root / f"nsynth-{split}" / "examples.json", json.dumps(told))
        sound(root / f"nsynth-{split}" / "audio" / f"{name}.wav")


def gtzan(root: Path) -> None:
    sound(root / "genres" / "blues" / "blues.00000.wav", root / "genres" / "hiphop" / "hiphop.00042.wav")


def speechcommands(root: Path) -> None:
    write(root / "validation_list.txt", "yes/aa_nohash_0.wav\n")
    write(root / "testing_list.txt", "no/bb_nohash_0.wav\n")
    sound(*(root / name for name in ("yes/aa_nohash_0.wav", "no/bb_nohash_0.wav", "yes/cc_nohash_1.wav", "_background_noise_/tap.wav")))


def fsdd(root: Path) -> None:
    sound(*(root / "recordings" / f"{name}.wav" for name in ("7_jackson_4", "7_jackson_5", "0_theo_49")))


TREES: dict[str, Callable[[Path], None]] = {
    made.__name__: made
    for made in (
        *(esc50, fsd50k, clotho, clothoaqa, urbansound8k, audioset, audiocaps, vggsound),
        *(wavcaps, tau2020mobile, macs, cochlscene, nsynth, gtzan, speechcommands, fsdd),
    )
}
