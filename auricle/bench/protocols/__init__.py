"""Evaluation protocols, one module each: embeddings of a suite's clips to a row per scored item, and metrics of rows."""

from __future__ import annotations

from auricle.bench.protocols import event_order, few_shot, linear_probe, retrieval, tagging, zero_shot
from auricle.bench.protocols.protocol import Protocol

#: Protocols by the name that suites use.
PROTOCOLS: dict[str, Protocol] = {
    "zero_shot": Protocol(zero_shot.run, zero_shot.metrics),
    "retrieval": Protocol(retrieval.run, retrieval.metrics),
    "linear_probe": Protocol(linear_probe.run, linear_probe.metrics),
    "few_shot": Protocol(few_shot.run, few_shot.metrics),
    "tagging": Protocol(tagging.run, tagging.metrics),
    "order": Protocol(event_order.run, event_order.metrics),
}
