"""Patients, lesions and their cases: registering, changing and moving them on."""
