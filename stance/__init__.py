"""Train, evaluate and use stance-detection models: TF-IDF features, linear classifiers.

``stance.load(path)`` gives a model, ``stance.train(settings)`` makes one. The public names stand in ``__init__.pyi``;
importing the package costs nothing, since a name brings its libraries when it is first used.
"""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

try:
    __version__ = version("stance-detect")
except PackageNotFoundError:
    __version__ = "0+unknown"
