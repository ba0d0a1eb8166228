"""Plots, HTML, the model card and the run folder."""
