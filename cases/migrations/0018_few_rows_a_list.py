"""Indexes for the search for patients, the list narrowed by what the AI says, and the figures."""

from django.db import migrations, models
from django.db.models import Exists, OuterRef


def mark_first_opinions(apps, schema_editor):
    """On what is not signed: of the others no list asks."""
    committed = apps.get_model("cases", "FirstOpinion").objects.filter(case=OuterRef("pk"))
    cases = apps.get_model("cases", "Case").objects.exclude(state="signed")
    cases.filter(Exists(committed)).update(has_first_opinion=True)


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0017_prediction_finished"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="patient", name="patient_by_given_name"),
        migrations.RemoveIndex(model_name="patient", name="patient_in_order"),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(
                fields=["clinic", "given_key", "family_key"],
                name="patient_by_given_name",
                opclasses=["uuid_ops", "varchar_pattern_ops", "varchar_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(fields=["clinic", "family_key", "given_key", "id", "mrn"], name="patient_in_order"),
        ),
        migrations.AddField(
            model_name="case",
            name="has_first_opinion",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                fields=["clinic", "state", "urgency", "waiting_since", "id"],
                name="case_begun",
                condition=models.Q(state__in=["waiting", "photos"])
                & (models.Q(has_first_opinion=True) | ~models.Q(read_stage="first")),
            ),
        ),
        migrations.RemoveIndex(model_name="case", name="case_latest"),
        migrations.RemoveIndex(model_name="case", name="case_signed"),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["clinic", "-created_at", "-id", "state"], name="case_latest"),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["clinic", "signed_at", "id", "state"], name="case_signed"),
        ),
        migrations.AddIndex(
            model_name="lesionimage",
            index=models.Index(fields=["created_at"], name="image_received"),
        ),
        migrations.AddIndex(
            model_name="prediction",
            index=models.Index(
                fields=["queued_at"],
                name="prediction_unusable",
                condition=models.Q(state="done", strange=True) | models.Q(state="rejected"),
            ),
        ),
        migrations.RunPython(mark_first_opinions, migrations.RunPython.noop, elidable=True),
    ]
