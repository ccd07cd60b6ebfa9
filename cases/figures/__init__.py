"""A clinic's figures: how its cases flow, how its readers and the AI agree, and with what they were right.

`Scope` says whose figures and from when to when; each module holds a subject and makes `Figure`s of it; `dashboard.py`
lists them. What can be counted by the database is; what cannot is worked out over `scope.evidence`, the newest signed
cases of that time, read once and bounded.
"""
