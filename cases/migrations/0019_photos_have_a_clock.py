"""A case keeps since when its patient waits; staff are told of photos that are due, readers of what the AI flags late."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import Exists, F, OuterRef, Subquery


def fill(apps, schema_editor):
    """Since when cases wait, as far as it is known: one that was back with staff had been sent when that was asked."""
    cases = apps.get_model("cases", "Case").objects.filter(waiting_since__isnull=False)
    cases.update(first_waiting_since=F("waiting_since"))
    asked = apps.get_model("cases", "PhotoRequest").objects.filter(case=OuterRef("pk"), answered_at__isnull=False)
    earliest = asked.order_by("asked_at").values("asked_at")[:1]
    cases.filter(Exists(asked.filter(asked_at__lt=OuterRef("waiting_since")))).update(
        first_waiting_since=Subquery(earliest)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_single_keys"),
        ("cases", "0018_few_rows_a_list"),
        ("inference", "0003_comparison_jobs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="notification",
            name="notification_kind_is_known",
        ),
        migrations.AddField(
            model_name="case",
            name="first_waiting_since",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="first sent"),
        ),
        migrations.AlterField(
            model_name="notification",
            name="kind",
            field=models.CharField(
                choices=[
                    ("urgent_waiting", "An urgent case is waiting"),
                    ("due_soon", "A case has little time left"),
                    ("overdue", "A case has waited too long"),
                    ("flagged_late", "The AI flags a case that was signed before"),
                    ("photos_wanted", "Better photos are wanted"),
                    ("photos_due", "New photos are still missing"),
                    ("report_ready", "A report is ready"),
                    ("report_amended", "A report was amended"),
                    ("arbitration", "Two readers disagree"),
                    ("outcome_known", "A biopsy result is known"),
                    ("training_done", "A training has ended"),
                ],
                max_length=14,
                verbose_name="kind",
            ),
        ),
        migrations.AlterField(
            model_name="notificationchoice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("urgent_waiting", "An urgent case is waiting"),
                    ("due_soon", "A case has little time left"),
                    ("overdue", "A case has waited too long"),
                    ("flagged_late", "The AI flags a case that was signed before"),
                    ("photos_wanted", "Better photos are wanted"),
                    ("photos_due", "New photos are still missing"),
                    ("report_ready", "A report is ready"),
                    ("report_amended", "A report was amended"),
                    ("arbitration", "Two readers disagree"),
                    ("outcome_known", "A biopsy result is known"),
                    ("training_done", "A training has ended"),
                ],
                max_length=14,
                verbose_name="kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "urgent_waiting",
                            "due_soon",
                            "overdue",
                            "flagged_late",
                            "photos_wanted",
                            "photos_due",
                            "report_ready",
                            "report_amended",
                            "arbitration",
                            "outcome_known",
                            "training_done",
                        ],
                    )
                ),
                name="notification_kind_is_known",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
