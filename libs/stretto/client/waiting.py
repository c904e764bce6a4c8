"""Where an attempt with a route is, in words."""

from stretto.contracts.bindings import RoutedAttempt


def waiting_sentence(waiting: RoutedAttempt) -> str:
    """Say in words what an attempt waits for, or where it is."""
    match waiting.at:
        case "ranking":
            return "it is being asked which devices fit"
        case "waiting" | "rate":
            return f"it waits {waiting.reason}"
        case "sent":
            return f"it was sent to {waiting.device}, which has not accepted it yet"
        case _:
            return f"{waiting.device} has it"
