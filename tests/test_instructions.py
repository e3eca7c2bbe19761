"""What a create call costs in instructions, which, unlike time, do not differ from run to run."""

from __future__ import annotations

import warnings
from typing import NoReturn

import pytest

from tests.support.instructions import FIGURES, SETS, can_count, count, figures, interpreter, libraries

MARGIN = 1.05
"""The tolerance above the committed figure."""
OTHER_VERSIONS = 1.15
"""The tolerance if the figure is from other versions of the libraries."""
KEEP = "`python -m tests.support.instructions` keeps one"


@pytest.mark.timeout(600)  # counting takes as long as it takes; only the count matters
@pytest.mark.filterwarnings("always")
def test_a_create_call_costs_no_more_than_it_did() -> None:
    """A create call takes at most 5 % more instructions than the committed figure.

    With new versions of the libraries, the figure of the ones before still holds, with a wider margin.
    """
    if not can_count():
        skip_loudly("valgrind, which counts, is not installed")
    known = figures().get(interpreter())
    if not known:
        skip_loudly(f"{FIGURES.name} has no figure for {interpreter()}; {KEEP}")
    figure, margin = known.get(libraries()), MARGIN
    if figure is None:
        warnings.warn(f"INSTRUCTIONS: {FIGURES.name} has no figure for {libraries()}; {KEEP}", stacklevel=1)
        figure, margin = [*known.values()][-1], OTHER_VERSIONS
    each = count()
    assert each <= figure * margin, f"{each} instructions a call, {each / figure - 1:+.1%}; if that must be: {KEEP}"


def skip_loudly(reason: str) -> NoReturn:
    """Skip, with a warning that nobody overlooks."""
    warnings.warn(f"NOT CHECKED: instructions of a create call, since {reason}", stacklevel=2)
    pytest.skip(reason)


def test_figures_are_kept_for_two_sets_of_versions() -> None:
    """One release of a dependency replaces the older of two sets, not the figure that is in use."""
    for kept in figures().values():
        assert 1 <= len(kept) <= SETS
