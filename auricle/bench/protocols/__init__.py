"""A file a protocol: a suite's clips as they were heard in, a row for each thing that was judged out."""

from __future__ import annotations

from auricle.bench.protocols import event_order, few_shot, linear_probe, retrieval, tagging, zero_shot
from auricle.bench.protocols.protocol import Protocol

#: By the name that suites use.
PROTOCOLS: dict[str, Protocol] = {
    "zero_shot": Protocol(zero_shot.run, zero_shot.metrics),
    "retrieval": Protocol(retrieval.run, retrieval.metrics),
    "linear_probe": Protocol(linear_probe.run, linear_probe.metrics),
    "few_shot": Protocol(few_shot.run, few_shot.metrics),
    "tagging": Protocol(tagging.run, tagging.metrics),
    "order": Protocol(event_order.run, event_order.metrics),
}
