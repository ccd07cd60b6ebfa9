"""The engine's benchmark, with as few calls as it takes and without the seconds that Keras needs to start."""

import pytest

from benchmarks import engine
from benchmarks.options import Options


class _Keras(engine.Keras):
    def __enter__(self) -> "_Keras":
        return self

    def median_ms(self, times: int) -> float:
        return 1_000_000.0

    def __exit__(self, *error: object) -> None:
        pass


def test_it_measures_all_three_on_the_shipped_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "Keras", _Keras)
    result = engine.run(Options(quick=True))
    assert len(result["figures"]) == 4
    assert all(each["value"] > 0 for each in result["figures"])
    faster, overhead = result["verdicts"]
    assert (faster["what"], faster["met"]) == ("keras.predict() / our engine", True)
    assert overhead["what"] == "our engine / bare session"
