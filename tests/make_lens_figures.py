"""Draws references/figures/: one figure per pattern of the lenses, from worlds with known truth.

The figures are those of analyze.py itself, with fewer colours so that they stay small. Refuses to
write a figure whose label is not the pattern that it stands for.

Example: python tests/make_lens_figures.py
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

BUNDLE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BUNDLE / "scripts"))

# (lens, pattern): the world that shows it.
PATTERNS = {
    ("surface", "healthy"): "healthy",
    ("surface", "accuracy_cliff"): "accuracy_cliff",
    ("surface", "gradual_decline"): "gradual_decline",
    ("surface", "truncation_dominant"): "truncation",
    ("surface", "chaotic"): "chaotic",
    ("fft", "spectral_peak_collapse"): "peak_collapse",
    ("fft", "tokenization_artifact"): "tokenization",
    ("fft", "no_artifact_detected"): "clean",  # and band_limited_gain
    ("compression", "underthink"): "underthink",
    ("compression", "overthink"): "overthink",
    ("compression", "broken_loops"): "loops",
    ("compression", "healthy"): "capability",
    ("hazard", "early"): "early",
    ("hazard", "delayed"): "delayed",
    ("hazard", "constant"): "constant",
    ("hazard", "threshold"): "threshold",
}
SAMPLES, SEED, COLOURS = 25, 1, 40
MORE = {("compression", "healthy"): 120}  # what is to be denied within narrow limits takes many


def main() -> None:
    """Draws them all."""
    from failure_analysis.lenses import figures, one_lens, simulate

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for (lens, pattern), world in PATTERNS.items():
            simulate.write(world, folder / "world.json", MORE.get((lens, pattern), SAMPLES), SEED)
            request = one_lens.Request(folder / "world.json", {}, cache=folder)
            (result,) = one_lens.document(lens, one_lens.load(request), request)["results"]
            if pattern != result["pattern"]:
                sys.exit(f"{world} shows {result['pattern']}, not {pattern}; nothing drawn")
            figures.draw([folder / "figure.png"], [result])
            path = BUNDLE / "references" / "figures" / f"{lens}_{pattern}.png"
            with Image.open(folder / "figure.png") as image:
                image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
                    path, optimize=True)
            print(f"{path.relative_to(BUNDLE)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
