"""A deployment as a JSON document: what `topology plan --json` prints and golden files hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import cast

from topology.plan.types import Deployment, PlannedDomain
from topology.render.config import Json


def document(deployment: Deployment) -> dict[str, Json]:
    """Everything in the plan but where images lie on this machine; configurations as JSON."""
    return {
        "stack": deployment.stack,
        "topology": deployment.topology,
        "variant": deployment.variant.value,
        "segments": [cast(Json, asdict(one)) for one in deployment.segments],
        "domains": [_domain(one) for one in deployment.domains],
        "outside": [cast(Json, asdict(one)) for one in deployment.outside],
    }


def _domain(domain: PlannedDomain) -> Json:
    fields = asdict(domain)
    image = domain.image
    fields["image"] = {"role": image.role, "digest": image.digest, "size": image.size}
    fields["config"] = json.loads(domain.config)
    return cast(Json, fields)


__all__ = ["document"]
