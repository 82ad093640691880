"""What `pulumi up` runs: a topology is read, resolved, checked, proved, planned and realised."""

import pulumi

from components.documents import local_document
from components.fabric import Fabric, FabricArgs
from components.outputs import stack_outputs, stack_record
from components.report import progress, report, stopping
from components.settings import read_settings
from topology.image import ensure, project_root
from topology.pipeline import prove_file
from topology.plan import image_roles, plan

with stopping():
    settings = read_settings()
    # Checked and proved: every mistake and broken statement is shown, and nothing deployed then.
    resolved = report(*prove_file(settings.file, settings.statements.severity))
    roles = image_roles(resolved, settings.variant)
    deployment = plan(
        resolved,
        stack=settings.stack,
        variant=settings.variant,
        images=ensure(settings.variant, roles, root=project_root(), progress=progress),
        accelerator=settings.accelerator,
        rootfs=settings.rootfs,
        uplink=settings.uplink,
        consoles=settings.consoles,
    )
    record = stack_record(settings, resolved, deployment)
    Fabric(settings.stack, FabricArgs(deployment, settings.uri, local_document, record))

for name, value in stack_outputs(deployment, file=str(settings.file), uri=settings.uri).items():
    pulumi.export(name, value)
