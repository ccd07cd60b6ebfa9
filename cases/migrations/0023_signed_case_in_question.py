"""A signed case is in question when a later read contradicts it; those who settle it are told."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_single_keys"),
        ("cases", "0022_first_opinion_a_photo"),
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
            name="questioned_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="in question since"),
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
                    ("in_question", "A signed case is in question"),
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
                    ("in_question", "A signed case is in question"),
                    ("outcome_known", "A biopsy result is known"),
                    ("training_done", "A training has ended"),
                ],
                max_length=14,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("questioned_at__isnull", False)),
                fields=["clinic", "questioned_at", "id"],
                name="case_questioned",
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
                            "in_question",
                            "outcome_known",
                            "training_done",
                        ],
                    )
                ),
                name="notification_kind_is_known",
            ),
        ),
    ]
