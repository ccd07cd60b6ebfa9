"""A reader whose case got new photos commits a first opinion again; an index for what is hidden of unsigned cases."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TRIGGER = "cases_firstopinion_is_append_only"


def keep_append_only(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite has rebuilt the table for the constraints, which lost the trigger of migration 0007."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(
            f"CREATE TRIGGER IF NOT EXISTS {TRIGGER} BEFORE UPDATE ON cases_firstopinion "
            "BEGIN SELECT RAISE(ABORT, 'a signed read is never changed'); END"
        )


class Migration(migrations.Migration):
    dependencies = [("cases", "0021_photo_to_take_again")]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, keep_append_only),
        migrations.AddField(
            model_name="firstopinion",
            name="newest_photo",
            field=models.ForeignKey(
                null=True,
                on_delete=models.deletion.PROTECT,
                related_name="+",
                to="cases.lesionimage",
                verbose_name="newest photo",
            ),
        ),
        migrations.RemoveConstraint(model_name="firstopinion", name="one_first_opinion_a_reader"),
        migrations.AddConstraint(
            model_name="firstopinion",
            constraint=models.UniqueConstraint(
                fields=["case", "reader", "newest_photo"], name="one_first_opinion_a_photo"
            ),
        ),
        migrations.AddConstraint(
            model_name="firstopinion",
            constraint=models.UniqueConstraint(
                condition=models.Q(newest_photo__isnull=True),
                fields=["case", "reader"],
                name="one_first_opinion_without_photo",
            ),
        ),
        migrations.RunPython(keep_append_only, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="case", name="case_begun"),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                fields=["clinic", "state", "urgency", "waiting_since", "id"],
                name="case_begun",
                condition=models.Q(state__in=["draft", "waiting", "photos", "withdrawn"])
                & (models.Q(has_first_opinion=True) | ~models.Q(read_stage="first")),
            ),
        ),
    ]
