"""Features, classifier, search, fit and judge, baselines."""
