"""What every service process shares: lifespan, settings, clock, health, errors."""
