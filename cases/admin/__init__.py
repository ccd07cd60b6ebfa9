"""The record in the admin pages, a file a subject. Importing them registers them."""

from cases.admin import audit, cases, conditions, patients, photos, predictions, reads

__all__ = ["audit", "cases", "conditions", "patients", "photos", "predictions", "reads"]
