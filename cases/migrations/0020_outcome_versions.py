"""Each biopsy result as it was recorded, for each makes a version of the report."""

import django.db.models.deletion
import django.utils.timezone
import uuid6
from django.conf import settings
from django.db import migrations, models


def fill(apps, schema_editor):
    """What stands now; corrections from before are in the audit log alone."""
    kept = apps.get_model("cases", "OutcomeVersion").objects
    names = (
        "case_id",
        "condition_id",
        "pathology_reference",
        "reported_on",
        "comment",
        "recorded_at",
        "recorded_by_id",
    )
    rows = []
    for values in apps.get_model("cases", "Outcome").objects.values(*names).iterator(chunk_size=1000):
        rows.append(kept.model(**values))
        if len(rows) == 1000:
            kept.bulk_create(rows)
            rows = []
    kept.bulk_create(rows)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0019_photos_have_a_clock"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OutcomeVersion",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("pathology_reference", models.CharField(blank=True, max_length=60, verbose_name="pathology number")),
                ("reported_on", models.DateField(verbose_name="reported on")),
                ("comment", models.TextField(blank=True, max_length=2000, verbose_name="comment")),
                (
                    "recorded_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="recorded"),
                ),
            ],
            options={
                "verbose_name": "recorded outcome",
                "verbose_name_plural": "recorded outcomes",
                "ordering": ["recorded_at", "id"],
            },
        ),
        migrations.AddIndex(
            model_name="outcome",
            index=models.Index(fields=["recorded_at"], name="outcome_recorded"),
        ),
        migrations.AddField(
            model_name="outcomeversion",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outcome_versions",
                to="cases.case",
                verbose_name="case",
            ),
        ),
        migrations.AddField(
            model_name="outcomeversion",
            name="condition",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="cases.condition", verbose_name="condition"
            ),
        ),
        migrations.AddField(
            model_name="outcomeversion",
            name="recorded_by",
            field=models.ForeignKey(
                editable=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="recorded by",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
