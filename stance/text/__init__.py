"""Sentences, words (with negation as a mark), mentions of targets, and the one generator of features."""
