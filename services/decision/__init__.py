"""The decision service: works out what a step asks. Keeps nothing that it cannot lose."""
