"""Sentences, tokens and the one generator of n-grams with their spans."""
