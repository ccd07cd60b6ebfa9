"""The start page: what each role does next. One file a role; each gives cards from the services, and holds no rule."""
