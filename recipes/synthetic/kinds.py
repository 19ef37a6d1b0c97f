"""The kinds of clips: the generator of each, what it needs, and how its clips are augmented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recipes.synthetic import alarms, bells, engines, impacts, kokoro, music, programs, speech, tones
from recipes.synthetic.augmentation import Treatment
from recipes.synthetic.sound import Generator


@dataclass(frozen=True)
class Kind:
    """generate: makes the sound. needs: called before the first clip; each raises InputError where something is not installed.

    slow: takes many seconds a clip, so that it is made only where it is named.
    """

    generate: Generator
    treatment: Treatment
    needs: tuple[Callable[[], Any], ...] = ()
    slow: bool = False


def _program(name: str) -> Callable[[], Any]:
    return lambda: programs.find_program(name)


_MUSIC = (_program("fluidsynth"), programs.find_sound_font)
_ESPEAK, _FLITE = _program("espeak-ng"), _program("flite")

_ROOMY = Treatment(rt60=(0.2, 1.5), direct=(3.0, 18.0), room=0.35, ambience=0.3, snr=(12.0, 40.0))
_SPOKEN = Treatment(room=0.6, rt60=(0.15, 1.0), ambience=0.5)
_CROWDED = Treatment(room=0.0, ambience=0.2, snr=(20.0, 40.0))
_STEADY = Treatment(room=0.2, ambience=0.25, snr=(22.0, 45.0), band=0.0)
_OUTDOORS = Treatment(room=0.3, rt60=(0.4, 1.5), direct=(6.0, 20.0), ambience=0.6, snr=(12.0, 40.0), band=0.05)
_CLOSE = Treatment(room=0.4, rt60=(0.1, 0.35), direct=(10.0, 22.0), ambience=0.5, snr=(22.0, 45.0), band=0.0)
_TICKING = Treatment(room=0.25, rt60=(0.1, 0.3), direct=(14.0, 25.0), ambience=0.5, snr=(22.0, 45.0), band=0.0, codec=0.15)
_SIGNAL = Treatment(room=0.4, rt60=(0.15, 0.8), direct=(3.0, 18.0), ambience=0.5, snr=(12.0, 40.0))
#: The level of a quiet room is what makes it silence; nothing is added.
_SILENT = Treatment(room=0.0, ambience=0.0, band=0.0, codec=0.0, level=(-75.0, -52.0))

KINDS: dict[str, Kind] = {
    "band": Kind(music.band, _ROOMY, _MUSIC),
    "solo": Kind(music.solo, _ROOMY, _MUSIC),
    "drums": Kind(music.drums, _ROOMY, _MUSIC),
    "orchestra": Kind(music.orchestra, _ROOMY, _MUSIC),
    "melody": Kind(music.melody, _ROOMY, _MUSIC),
    "speech": Kind(speech.espeak, _SPOKEN, (_ESPEAK,)),
    "speech-flite": Kind(speech.flite, _SPOKEN, (_FLITE,)),
    "speech-kokoro": Kind(speech.neural, _SPOKEN, (_ESPEAK, kokoro.check_installed), slow=True),
    "conversation": Kind(speech.conversation, _SPOKEN, (_ESPEAK, _FLITE)),
    "crowd": Kind(speech.crowd, _CROWDED, (_ESPEAK,)),
    "tone": Kind(tones.tone, _STEADY),
    "hum": Kind(tones.hum, _STEADY),
    "noise": Kind(tones.noise, _STEADY),
    "silence": Kind(tones.silence, _SILENT),
    "beep": Kind(alarms.beep, _SIGNAL),
    "alarm": Kind(alarms.alarm, _SIGNAL),
    "siren": Kind(alarms.siren, _OUTDOORS),
    "telephone": Kind(alarms.telephone, _SIGNAL),
    "bell": Kind(bells.bell, _SIGNAL),
    "knock": Kind(impacts.knock, _CLOSE),
    "impact": Kind(impacts.impact, _CLOSE),
    "click": Kind(impacts.click, _TICKING),
    "clock": Kind(impacts.clock, _TICKING),
    "engine": Kind(engines.engine, _OUTDOORS),
}
