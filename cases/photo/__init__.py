"""A photo on its way into the record, what is kept of it there, and how its bytes leave again."""
