"""Another model becomes the active one while photos arrive and are computed."""

from benchmarks.faults.ground import Ground


def promoted_at_work(ground: Ground) -> None:
    """A candidate is promoted and rolled back, again and again."""
    from django.conf import settings

    from inference import promotion, registry

    shipped = settings.SHIPPED_BUNDLE
    other = next(each for each in sorted(shipped.parent.iterdir()) if each != shipped and each.is_dir())
    candidate = registry.register(other)
    sending = ground.sending(ground.few(30, 6))
    for _ in range(ground.few(5, 1)):
        promotion.promote(candidate.name, reason="A fault on purpose", by="chaos", force=True)
        promotion.rollback(reason="A fault on purpose", by="chaos")
    promotion.promote(candidate.name, reason="A fault on purpose", by="chaos", force=True)
    ground.send(2)
    promotion.rollback(reason="A fault on purpose", by="chaos")
    for _id, future in sending:
        future.result()
    versions = set(ground.predictions().values_list("model_version__name", flat=True))
    if candidate.name not in versions:
        raise RuntimeError("The promoted model was asked nothing")
