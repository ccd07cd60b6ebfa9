"""How many rows querysets have, as columns of one query: a page that shows many numbers asks once for all of them."""

from django.db import models


class Number(models.Subquery):
    """How many rows a queryset has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()
