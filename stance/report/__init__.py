"""Plots, HTML, the model card and the run folder."""

import lazy_loader

__getattr__, _, _ = lazy_loader.attach(__name__, submodules=["plots"])
