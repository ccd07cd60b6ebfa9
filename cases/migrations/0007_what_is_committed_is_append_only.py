"""Corrections are called so, and the database refuses to change reads and first opinions, whichever code asks.

SQLite rebuilt the table of reads for migration 0006, which lost the trigger of migration 0002.
"""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = ("cases_read", "cases_firstopinion", "cases_takenback")
MESSAGE = "a signed read is never changed"


def name_corrections(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if on_postgresql:
        schema_editor.execute("DROP TRIGGER cases_read_is_append_only ON cases_read")
    else:
        schema_editor.execute("DROP TRIGGER IF EXISTS cases_read_is_append_only")
    schema_editor.execute("UPDATE cases_read SET kind = 'correction' WHERE corrects_id IS NOT NULL")
    for table in TABLES:
        if on_postgresql:
            body = "FOR EACH ROW EXECUTE FUNCTION cases_read_is_append_only()"
        else:
            body = f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        schema_editor.execute(f"CREATE TRIGGER {table}_is_append_only BEFORE UPDATE ON {table} {body}")


def drop_triggers(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for table in TABLES[1:]:
        where = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER {table}_is_append_only{where}")


class Migration(migrations.Migration):
    # Of its own: PostgreSQL does not alter a table on which changes of the same transaction are pending.
    dependencies = [("cases", "0006_reading_room")]
    operations = [migrations.RunPython(name_corrections, drop_triggers)]
