"""What the decision service can be told beyond what every service can."""

from pydantic import Field

from services.decision.core.plans import MAX_PLANS
from stretto.runtime.settings import ServiceSettings


class DecisionSettings(ServiceSettings):
    """`STRETTO_DECISION_…` variables."""

    decision_batch: int = Field(16, ge=1, le=500)
    """Frames that are taken at once: few, so that instances share a burst evenly."""
    decision_plans: int = Field(MAX_PLANS, ge=1, le=1_000_000)
    """Compiled plans that are kept, about 3 kB each."""
