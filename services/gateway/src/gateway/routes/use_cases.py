"""What the routes get from the wiring."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.process.health import Check
from gateway.domain.admission import AdmissionControl
from gateway.domain.ports import Upstream
from gateway.routes.console import Console
from gateway.routes.documents import Documents
from gateway.routes.forwarding import Forwarder
from gateway.routes.records import Records


@dataclass(frozen=True, slots=True)
class UseCases:
    admissions: AdmissionControl
    forwarder: Forwarder
    events: Upstream
    documents: Documents
    console: Console
    records: Records
    checks: Mapping[str, Check]
