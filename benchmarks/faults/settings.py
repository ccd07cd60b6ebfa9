"""The product's settings for `chaos`: shorter waits, a clock that can be set, and decoders that crash when told to.

Everything else is the product as it is. What can be set lies as files in the folder CHAOS_DIR.
"""

from benchmarks.faults import told

told.follow_clock()

from skinclinic.settings import *  # noqa: E402, F403
from skinclinic.settings import CELERY_BEAT_SCHEDULE, INSTALLED_APPS  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks.faults.apps.FaultsConfig"]
CELERY_BEAT_SCHEDULE = {
    **CELERY_BEAT_SCHEDULE,
    "sweep-predictions": {**CELERY_BEAT_SCHEDULE["sweep-predictions"], "schedule": 1.0},
}
