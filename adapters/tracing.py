"""`bot.tracing` on OpenTelemetry; the only module that imports it, and only where traces are on.

Where spans go is said by the standard variables that the exporter itself reads (OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bot import __version__, tracing
from bot.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


def start(replica: str, exporter: SpanExporter | None = None) -> Callable[[], None]:
    """Begin to trace; what it gives back ends that and sends what is left. Raises `ConfigError` without the extra."""
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 (only where it is on)
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"traces need the extra traces ({error.name} is missing): pip install 'secdesk[traces]'"
        ) from error
    about = {"service.name": "secdesk", "service.version": __version__, "service.instance.id": replica}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter) if exporter else BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("secdesk", __version__)

    @contextmanager
    def begin(name: str, attributes: Mapping[str, str]) -> Iterator[Any]:
        # what an exception says may hold what somebody wrote: its kind is told, and nothing else of it
        with tracer.start_as_current_span(
            name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    tracing.use(begin)

    def stop() -> None:
        tracing.use(None)
        provider.shutdown()

    return stop
