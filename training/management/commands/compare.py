"""`compare NAME --data DIR --split S`: a candidate beside the active model, on the same photos."""

import getpass
import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inference import registry
from inference.bundle import Bundle, BundleError
from inference.engine import Engine
from inference.models import Comparison, ModelVersion
from training.classes import code_of
from training.comparison import compare, judged
from training.datasets import DataError, load
from training.evaluation import learnt_from, score
from training.progress import ConsoleReport


class Command(BaseCommand):
    help = "Compare a model with the active one on the photos of a folder; a promotion asks for such a comparison."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the candidate")
        parser.add_argument("--with", dest="other", help="name of the model to compare with (default: the active one)")
        parser.add_argument("--data", type=Path, required=True, help="SPLIT/CLASS/photo.jpg or CLASS/photo.jpg")
        parser.add_argument("--split", required=True, help="name of the split, or “all”")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")

    def handle(self, *args, **options) -> None:
        try:
            candidate = registry.named(options["name"])
            baseline = registry.named(options["other"]) if options["other"] else registry.active()
            if candidate == baseline:
                raise CommandError(f"{candidate} would be compared with itself.")
            result, data_hash = self._compare(candidate, baseline, options["data"], options["split"])
        except (BundleError, DataError, registry.RegistryError, registry.NoActiveModel) as error:
            raise CommandError(str(error)) from error
        Comparison.objects.create(
            candidate=candidate,
            baseline=baseline,
            data=f"{options['data'].resolve().name}, {options['split']}",
            manifest_sha256=data_hash,
            figures=result,
            by=f"{getpass.getuser()} (command line)",
        )
        self._say(result)
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def _compare(self, candidate: ModelVersion, baseline: ModelVersion, folder: Path, split: str) -> tuple[dict, str]:
        bundles = [Bundle.load(registry.folder(version)) for version in (candidate, baseline)]
        whole = load(folder, code_of)
        dataset = whole.split(split)
        known = [bundle.name for bundle in bundles if learnt_from(bundle, whole, split)]
        if known:
            raise DataError(
                f"{' and '.join(known)} learnt from these very photos, so a comparison on them would say nothing: "
                "take photos that neither has seen."
            )
        both = []
        for bundle in bundles:
            scored = score(Engine(bundle), dataset, report=ConsoleReport())
            both.append((judged(bundle, scored), [example.patient for example in scored.examples]))
        (ours, patients), (theirs, _same) = both
        result = compare(ours, theirs, patients)
        return {"candidate": candidate.name, "baseline": baseline.name, **result}, dataset.manifest_hash()

    def _say(self, result: dict) -> None:
        write = self.stdout.write
        write(
            f"{result['candidate']} and {result['baseline']} on {result['n']} photos of {result['patients']} patients"
        )
        for name, row in result["figures"].items():
            if row["difference"] is None:
                write(f"{name.replace('_', ' '):<24} -")
                continue
            interval = row["difference_ci"]
            sure = f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else ""
            write(
                f"{name.replace('_', ' '):<24} {row['candidate']:.3f} and {row['baseline']:.3f}, "
                f"difference {row['difference']:+.3f}{sure}"
            )
        flagged = result["cancers_flagged"]
        write(
            f"Cancers flagged by {result['candidate']} alone {flagged['only_candidate']}, by {result['baseline']} "
            f"alone {flagged['only_baseline']}, of {result['malignant_n']}"
        )
