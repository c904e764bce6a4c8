"""`python -m services.decision`: the decision service."""

import sys
from functools import partial

from services.decision.service import main
from services.decision.settings import DecisionSettings
from stretto.expression.functions.plugins import load_functions_or_exit
from stretto.runtime.service import run_service
from stretto.runtime.settings import settings_or_exit
from stretto.scoring import load_scorers_or_exit

if __name__ == "__main__":
    settings = settings_or_exit(DecisionSettings)
    load_functions_or_exit(settings.functions)
    scorers = load_scorers_or_exit(settings.decision_scorer, settings.decision_scorers)
    sys.exit(run_service("decision", settings, partial(main, scorers=scorers)))
