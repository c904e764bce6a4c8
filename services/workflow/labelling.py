"""Labels from the bus: `{"label": "stable", "workflow": "order", "version": 3}`."""

from services.workflow.labels import Kind, Named
from services.workflow.registry import Registry, mistakes_reason
from stretto.contracts.failures import Reason
from stretto.contracts.public import Labelled, Refused
from stretto.definition.labels import LabelText, read_label


async def label(
    registry: Registry, namespace: str, source: str, stored_us: int | None
) -> Labelled | Refused:
    """Let a label point to a version, or take it away; asked twice, it is the same."""
    read = read_label(source)
    if not isinstance(read, LabelText):
        return Refused(rejected=mistakes_reason(read))
    kind: Kind = read.kind
    named = Named(kind, namespace, read.name)
    if read.version is not None and not await registry.labels.exists(named, read.version):
        return Refused(
            rejected=Reason(
                code="version_unknown",
                message=f"expected version {read.version} of {kind} {read.name!r} to be "
                f"registered in namespace {namespace!r}, but it is not",
            )
        )
    before = await registry.labels.version(named, read.label)
    if read.version is None and before is None:
        return Refused(
            rejected=Reason(
                code="label_unknown",
                message=f"expected {kind} {read.name!r} to have the label {read.label!r}, but it "
                "has not",
            )
        )
    moved = await registry.labels.point(named, read.label, read.version, stored_us)
    if kind == "workflow":
        registry.forget_labels(namespace, read.name)
    return Labelled(
        label=read.label,
        name=read.name,
        kind=kind,
        version=read.version if stored_us is None or moved.changed else before,
        before=moved.before,
    )
