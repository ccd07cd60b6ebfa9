"""The database itself refuses to change a signed read, whichever code asks.

DELETE is refused by the model and by PROTECT; a trigger against it would also stop a test database's flush.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MESSAGE = "a signed read is never changed"

POSTGRESQL = f"""
CREATE FUNCTION cases_read_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER cases_read_is_append_only BEFORE UPDATE ON cases_read
FOR EACH ROW EXECUTE FUNCTION cases_read_is_append_only();
"""
SQLITE = f"""
CREATE TRIGGER cases_read_is_append_only BEFORE UPDATE ON cases_read
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
"""


def add_trigger(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute(POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE)


def drop_trigger(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER cases_read_is_append_only ON cases_read")
        schema_editor.execute("DROP FUNCTION cases_read_is_append_only()")
    else:
        schema_editor.execute("DROP TRIGGER cases_read_is_append_only")


class Migration(migrations.Migration):
    dependencies = [("cases", "0001_initial")]
    operations = [migrations.RunPython(add_trigger, drop_trigger)]
