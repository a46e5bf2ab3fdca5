"""What skewness does to an interval, how it is put right, and when it is too much to be put right.

A mean of skewed values leans: its t statistic misses more often on one side. With equal arms the leaning of one cancels
the other's; with a small arm it does not. Hall's transformation (1992, J. R. Statist. Soc. B 54, 221; for two samples Zhou
and Dinh 2005, Biostatistics 6, 187) takes the leaning out. It is monotone, so intervals and p values stay in agreement.
"""

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]

SMALL = 0.03        # leaning below this moves coverage by less than a tenth of a point: plain Welch, to the last digit
MOST_LEANING = 0.35  # more than this cannot be put right from the data's own skewness
MOST_WEIGHT = 0.16  # squared skewness per unit: more, and a handful of units decide everything


def leaning(skewness: Numbers, contact: Numbers, hold_out: Numbers) -> Numbers:
    """Return the skewness of a difference of two means of so many values each: 0 with equal arms, less than 0 if few are held out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(skewness * (contact**-2.0 - hold_out**-2.0) / (1 / contact + 1 / hold_out) ** 1.5)


def transform(t: Numbers, lean: Numbers) -> Numbers:
    """Return Hall's g(t), which is nearer to Student's distribution than t itself."""
    return np.asarray(t + lean * t**2 / 3 + lean**2 * t**3 / 27 + lean / 6)


def back(y: Numbers, lean: Numbers) -> Numbers:
    """Return the t whose transform is y."""
    safe = np.where(lean == 0, 1.0, lean)
    return np.asarray(np.where(lean == 0, y, 3 / safe * (np.cbrt(1 + safe * (y - safe / 6)) - 1)))
