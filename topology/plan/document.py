"""A deployment as a JSON document: what `topology plan --json` prints and golden files hold."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import cast

from topology.plan.types import Deployment, ImageRef, PlannedDomain
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
    fields["image"] = _image(domain.image)
    fields["firmware"] = _image(domain.firmware) if domain.firmware else None
    fields["config"] = json.loads(domain.config)
    return cast(Json, fields)


def _image(image: ImageRef) -> Json:
    return {"role": image.role, "digest": image.digest, "size": image.size}


__all__ = ["document"]
