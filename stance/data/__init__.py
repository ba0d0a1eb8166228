"""Tables in and out, the corpus and its checks, splits, gold labels, the data card."""
