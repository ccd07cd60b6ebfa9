"""The benchmark of the shipped network beside the plain one, with as few calls as it takes."""

from django.conf import settings

from benchmarks import NAMES, networks
from benchmarks.options import Options


def test_it_measures_both_bundles_in_one_run() -> None:
    assert "networks" in NAMES
    result = networks.run(Options(quick=True))
    shipped = settings.SHIPPED_BUNDLE.name
    assert [each["what"].split(",")[0] for each in result["figures"]] == [shipped, networks.PLAIN]
    (ratio,) = result["verdicts"]
    assert ratio["what"] == f"{shipped} / {networks.PLAIN}"
    assert ratio["value"] > 1
