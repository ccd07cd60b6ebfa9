"""How dates and times are written where a template does not say, as in the admin pages."""
