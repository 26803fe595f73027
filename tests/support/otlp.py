"""A receiver of OpenTelemetry metrics on loopback, as a collector would listen: OTLP over HTTP, protobuf.

Belongs here: taking requests and reading points out of them. Does not belong here: what is sent.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality


@dataclass(frozen=True)
class Point:
    """One value of one metric; of a histogram its sum, with the number of observations."""

    name: str
    value: float
    tags: Mapping[str, str]
    unit: str
    count: int | None = None
    is_delta: bool | None = None


@dataclass
class Receiver:
    """Where metrics are sent to, and what came."""

    url: str
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)

    @property
    def points(self) -> list[Point]:
        """Every value that came, in order."""
        return [
            point
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in _points(metric)
        ]

    def total(self, name: str, **tags: str) -> float | None:
        """Return the sum of a metric's values with exactly these tags; None if none came."""
        values = [p.value for p in self.points if p.name == name and p.tags == tags]
        return sum(values) if values else None


def _points(metric: object) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", None)
    is_delta = None if temporality is None else temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    for point in data.data_points:
        tags = {a.key: a.value.string_value for a in point.attributes}
        if kind.endswith("histogram"):
            yield Point(metric.name, point.sum, tags, metric.unit, point.count, is_delta)
        else:
            yield Point(metric.name, getattr(point, point.WhichOneof("value")), tags, metric.unit, None, is_delta)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen for the length of a block."""
    received: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.append(ExportMetricsServiceRequest.FromString(body))
            answer = ExportMetricsServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}", received)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
