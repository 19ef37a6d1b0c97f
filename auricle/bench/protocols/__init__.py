"""Evaluation protocols, one module each: embeddings of a suite's clips to a row per scored item. Metrics of rows are those of a task."""

from __future__ import annotations

from auricle.bench.protocols import detection, event_order, few_shot, linear_probe, retrieval, tagging, task_outputs, zero_shot
from auricle.bench.protocols.protocol import Protocol
from auricle.tasks import detection as detection_task
from auricle.tasks import event
from auricle.tasks import retrieval as retrieval_task
from auricle.tasks import tagging as tagging_task

#: Protocols by the name that suites use.
PROTOCOLS: dict[str, Protocol] = {
    "zero_shot": Protocol(zero_shot.run, event.metrics),
    "retrieval": Protocol(retrieval.run, retrieval_task.metrics),
    "linear_probe": Protocol(linear_probe.run, event.metrics),
    "few_shot": Protocol(few_shot.run, few_shot.metrics),
    "tagging": Protocol(tagging.run, tagging_task.metrics),
    "detection": Protocol(detection.run, detection_task.metrics, detection.describe),
    "order": Protocol(event_order.run, event_order.metrics),
    "task": Protocol(task_outputs.run, lambda rows: {}),  # the metrics are those of the suite's task
}
