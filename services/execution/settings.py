"""What the execution service can be told beyond what every service can."""

from pydantic import Field

from stretto.runtime.settings import Rates, Resources, ServiceSettings


class ExecutionSettings(ServiceSettings):
    """`STRETTO_…` variables of the execution service."""

    http_allow_private: bool = False
    """Whether `std.http` may reach addresses that are not public: this machine, this network."""
    execution_batch: int = Field(64, ge=1, le=500)
    """Dispatch frames that are taken at once."""
    resources: Resources = ""
    """Named resources that steps may ask for, with how much there is: `{"gpu": 4}`. The same for
    the workflow service."""
    rates: Rates = ""
    """How many attempts of a queue may go out in a time: `{"mail": "10/s"}` (see below)."""
    scale_target_s: float = Field(10.0, gt=0, le=86_400)
    """As many workers are wanted as would be done with all that waits in so long."""
    scale_down_after_s: float = Field(30.0, ge=0, le=86_400)
    """Fewer workers are wanted only when they would have been enough for so long."""
