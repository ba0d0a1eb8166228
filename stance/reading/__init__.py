"""Who holds a stance, articles read whole, maps."""
