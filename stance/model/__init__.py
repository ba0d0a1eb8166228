"""Arrays to scores, the predictor that users hold, its file, and explanations."""
