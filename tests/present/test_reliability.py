"""The report of a calibration: diagrams show every bin where it is, and pages show every figure, escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from auricle.present import reliability

SVG = "{http://www.w3.org/2000/svg}"
BINS = [
    {"from": 0.0, "to": 0.5, "count": 9, "predicted": 0.25, "observed": 0.5},
    {"from": 0.5, "to": 1.0, "count": 99, "predicted": 0.75, "observed": 1.0},
]


def report() -> dict[str, Any]:
    value = {"value": 0.125, "low": 0.1, "high": None}
    scores = [{"metric": name, "before": value, "after": {**value, "value": 0.0625}, "change": value} for name in ("ece", "macro_f1")]
    section = {
        "output": "clip_logits",
        "clips": 7,
        "left": [{"label": "cat & dog", "why": "sources with it: 3, without it: 9; wanted 5 of each"}],
        "scores": scores,
        "reliability": {"before": BINS[:1], "after": BINS},
        "by": [{"corpus": "", "clips": 7, "scores": scores, "reliability": {"before": BINS, "after": BINS}}],
    }
    return {
        "model": "<tones>",
        "settings": {"by": "corpus"},
        "clips": 7,
        "sources": 6,
        "silent": 2,
        "unreadable": ["x.wav: no such file"],
        "outputs": [section],
        "skipped": [{"output": "frame_logits", "why": "the manifest has no events"}],
        "absent": ["whale"],
    }


def test_a_diagram_has_a_point_for_each_bin_and_a_bar_for_its_decisions() -> None:
    root = ElementTree.fromstring(reliability.render_svg({"a & b": {"before": BINS[:1], "after": BINS}}))
    points = [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in root.iter(f"{SVG}circle")]
    assert points == [(90.0, 180.0), (90.0, 180.0), (270.0, 0.0)]  # of a square of 360 px, upside down
    bars = [rect.attrib for rect in root.iter(f"{SVG}rect") if rect.attrib.get("fill") == "#d5dbe5"]
    assert [float(bar["x"]) for bar in bars] == [2.0, 182.0] and {bar["width"] for bar in bars} == {"176.0"}
    assert float(bars[1]["height"]) == 2 * float(bars[0]["height"])  # 100 and 10 decisions, log scale
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[0] == "a & b" and {"before", "after"} <= set(texts)


def test_a_page_has_the_figures_and_what_was_left_out(tmp_path: Path) -> None:
    reliability.write(report(), page=tmp_path / "page.html", plot=tmp_path / "plot.svg")
    page = (tmp_path / "page.html").read_text()
    for wanted in (
        "Calibration of &lt;tones&gt;",
        "too few sources for cat &amp; dog",
        "2 clips are silent",
        "cannot be read: x.wav: no such file",
        "frame_logits stays as it is: the manifest has no events",
        "not among the model&#x27;s labels: whale",
        "<td>all</td><td>macro f1</td><td>0.1250 (0.1000 to –)</td><td>0.0625 (0.1000 to –)</td>",
        "<td>none</td><td>ece</td>",
    ):
        assert wanted in page, wanted
    assert page.count("<svg") == 1  # a single group has no diagram of its own
    several = report()
    several["outputs"][0]["by"].append({**several["outputs"][0]["by"][0], "corpus": "b & c"})
    assert reliability.render_html(several).count("<svg") == 3 and "corpus b &amp; c" in reliability.render_html(several)
    assert "<tones>" not in page and "macro f1</td>" not in page.partition("<td>none</td>")[2]
    assert ElementTree.fromstring((tmp_path / "plot.svg").read_text()).tag == f"{SVG}svg"
