"""Draw the picture of the map that README shows.

    python experiments/picture_map.py FOLDER

FOLDER holds the UN General Debate speeches (RUS_63_2008.txt). Writes notebooks/pictures/map.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stance.files import atomic_write
from stance.model.predictor import load
from stance.reading.maps import documents, read_documents, stance_map
from stance.report.plots import png, stance_heat_map

PICTURE = Path(__file__).parent.parent / "notebooks" / "pictures" / "map.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the speeches")
    parser.add_argument("--model", type=Path, help="a run; default: the bundled model")
    options = parser.parse_args()
    model = load(options.model)
    table = stance_map(read_documents(model, documents([options.folder])), ["actor"], model.targets)
    figure = stance_heat_map(table, dict(zip(model.targets, model.info.titles, strict=True)), n=20)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(PICTURE) as handle:
        handle.write(png(figure))


if __name__ == "__main__":
    main()
