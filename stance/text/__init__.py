"""Sentences, the preparation of texts (lower case, negation), and the one generator of n-grams."""
