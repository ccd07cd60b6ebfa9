"""`manage.py up`: starts the parts, watches them, stops them. Standard library only, except `prepare`."""
