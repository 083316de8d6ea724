"""What counts as growth of a server under clients that come and go."""

import pytest

from scripts.soaks.samples import Sample, growth


@pytest.mark.parametrize("leak", [0.0, 25.0])
def test_what_open_calls_take_is_no_growth(leak: float) -> None:
    samples = [
        Sample(seconds, 9000 + 14 * tasks + leak * seconds / 60, 0, 0, 1, tasks, 0)
        for seconds in range(0, 600, 5)
        for tasks in (40 + seconds * 7 % 90 + seconds // 20,)
    ]
    assert growth(samples, "traced") == pytest.approx(leak, abs=0.01)
