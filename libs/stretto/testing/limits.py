"""How much a file of tests may say: more is no test that a person wrote."""

MAX_TESTS = 10_000
MAX_LIST = 10_000
"""Of acts, answers, devices and expected steps."""

MAX_NAME_CHARS = 200
MAX_TEXT_CHARS = 4_000
MAX_SLOTS = 10_000
"""Of a device: as many attempts as there may be answers."""
