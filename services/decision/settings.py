"""What the decision service can be told beyond what every service can."""

from pydantic import Field

from services.decision.core.plans import MAX_PLANS
from services.decision.routing.learning import EXPLORE
from stretto.runtime.settings import ServiceSettings


class DecisionSettings(ServiceSettings):
    """`STRETTO_DECISION_…` variables."""

    decision_batch: int = Field(16, ge=1, le=500)
    """Frames that are taken at once: few, so that instances share a burst evenly."""
    decision_plans: int = Field(MAX_PLANS, ge=1, le=1_000_000)
    """Compiled plans that are kept, about 3 kB each."""
    decision_cache_mb: int = Field(64, ge=0, le=65_536)
    """Megabytes of results that this process keeps, of expressions and tables that take long; 0:
    none."""
    decision_explore: float = Field(EXPLORE, ge=0, le=1)
    """Share of the choices of `learned` that try another device than the best."""
    decision_learning_frozen: bool = False
    """Whether `learned` goes by what it knows and learns no more."""
    decision_scorer: str = ""
    """A scorer of an installed package (`stretto.scorers`) that `learned` goes by; empty: none."""
    decision_scorers: str = Field("", max_length=4_096)
    """Scorers of installed packages, with commas between them, that routes may name
    (`prefer: learned(name)`)."""
