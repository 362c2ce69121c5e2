"""Whether a figure can be read: nothing is printed over, nothing leaves it."""

import itertools


def ticks_of(axis) -> list:
    """The labels of an axis that are drawn."""
    low, high = sorted(axis.get_view_interval())
    return [label for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high
            for label in (tick.label1, tick.label2) if label.get_visible() and label.get_text()]


def assert_readable(figure) -> None:
    """No tick is printed over another, and no text leaves the figure."""
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer, ticks = FigureCanvasAgg(figure).get_renderer(), set()
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            drawn = ticks_of(axis)
            ticks |= {label for tick in axis.get_major_ticks()
                      for label in (tick.label1, tick.label2)} - set(drawn)
            # Slanted labels lie beside each other though their boxes meet.
            boxes = [label.get_window_extent(renderer) for label in drawn
                     if label.get_rotation() % 90 == 0]
            assert not [pair for pair in itertools.combinations(boxes, 2)
                        if pair[0].overlaps(pair[1])]
    for text in figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible()
                               and artist.get_text() and artist not in ticks):
        box = text.get_window_extent(renderer)
        assert box.x0 >= -2 and box.x1 <= figure.bbox.x1 + 2, text.get_text()
