"""All settings, read from the environment; every default is safe and runs bare.

What each variable means, and what is missing: `python manage.py check`. docs/deployment.md has the table.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key
from django.utils.translation import gettext_lazy as _

from skinclinic import logs
from skinclinic.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

VAR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
DEBUG = env.bool("DEBUG", default=False)


def _secret_key() -> str:
    """The key from the environment, or one generated once into `var/`, readable by the owner only."""
    if key := env.str("SECRET_KEY", default=""):
        return key
    path = VAR / "secret_key"
    if not path.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        # Two processes may start at once: whoever links first decides, both read the same file.
        fresh = path.with_suffix(f".{get_random_secret_key()[:8].encode().hex()}")
        fresh.touch(mode=0o600)
        fresh.write_text(get_random_secret_key())
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_FAILURE_VIEW = "skinclinic.errors.send_again"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=False)

INSTALLED_APPS = [
    "skinclinic.apps.SkinclinicConfig",
    "skinclinic.apps.ClinicAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "auditlog",
    "csp",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts.apps.AccountsConfig",
    "inference.apps.InferenceConfig",
    "cases.apps.CasesConfig",
    "training.apps.TrainingConfig",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignOutMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.ClinicMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "skinclinic.urls"
WSGI_APPLICATION = "skinclinic.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "skinclinic.navigation.frame",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock at BEGIN, so a transaction that reads and then writes waits its turn
    # instead of failing with "database is locked"; FULL survives a power cut.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        # A process keeps one connection a thread, so the cache of each is small (KB).
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-1000;"
        ),
    }
    # Races are tested with real threads, and SQLite locks an in-memory database in ways that a file does not.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR / "test.sqlite3")}
else:
    # What DATABASE_URL says comes first.
    DATABASES["default"]["OPTIONS"] = {
        # To compile a plan takes a second of its own and pays off on no page.
        "options": "-c jit=off",
        # A server that has vanished (a machine without power, a cut line) must not hold a thread for ever: seconds to
        # connect, then until an answer that waits for it is given up. Over a socket file these say nothing.
        "connect_timeout": 3,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,  # milliseconds
        **DATABASES["default"].get("OPTIONS", {}),
    }
# On SQLite too: a new connection reads the whole schema, and the last one that is closed rewrites the log.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Broker and cache ---------------------------------------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")


def _broker_url(url: str) -> str:
    """Celery spells a Unix socket `redis+socket://`, Django's cache `unix://`; the rest is the same."""
    parts = urlsplit(url)
    return f"redis+socket://{parts.path}" if parts.scheme == "unix" else url


def _cache(backend: str) -> dict[str, object]:
    if not REDIS_URL:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    # A server that does not answer costs a page this much and no more.
    options = {"socket_connect_timeout": 1, "socket_timeout": 1}
    return {"BACKEND": f"skinclinic.cache.{backend}", "LOCATION": REDIS_URL, "OPTIONS": options}


CACHES = {"default": _cache("StandInCache"), "shared": _cache("SharedCache")}
CELERY_BROKER_URL = _broker_url(REDIS_URL) if REDIS_URL else "memory://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "routine"
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker waits for its broker however long it takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A web request must not hang on a broker that is down: the sweep re-sends what was not sent.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 1,
    "socket_timeout": 3,
    "visibility_timeout": 600,
    # One try, then the sweep; without these Kombu goes on for six seconds while the one who uploads waits.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "connect_retries_timeout": 1,
    # Workers take from the queues in the order of their `-Q`: nothing routine while something urgent waits,
    # and nothing in the background while a patient waits.
    "queue_order_strategy": "priority",
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULER = "skinclinic.beat:EvenScheduler"
# So that they do not pile up while no worker runs. Far longer than the intervals, because the worker judges by its own
# clock: one that runs ahead of beat's would drop every sweep.
_FORGOTTEN_AFTER = 300
CELERY_BEAT_SCHEDULE = {
    # Both pass by a long routine queue.
    "sweep-predictions": {
        "task": "cases.tasks.sweep_predictions",
        "schedule": 15.0,
        "options": {"queue": "urgent", "expires": _FORGOTTEN_AFTER},
    },
    "sweep-training": {
        "task": "training.tasks.sweep",
        "schedule": 30.0,
        "options": {"queue": "urgent", "expires": _FORGOTTEN_AFTER},
    },
    "sweep-mail": {
        "task": "cases.tasks.sweep_mail",
        "schedule": 30.0,
        "options": {"queue": "background", "expires": _FORGOTTEN_AFTER},
    },
    "sweep-overdue": {
        "task": "cases.tasks.sweep_overdue",
        "schedule": 300.0,
        "options": {"queue": "background", "expires": _FORGOTTEN_AFTER},
    },
    "sweep-kept-answers": {
        "task": "cases.tasks.sweep_kept_answers",
        "schedule": 3600.0,
        "options": {"queue": "background", "expires": 3600},
    },
    "sweep-orphans": {
        "task": "cases.tasks.sweep_orphans",
        "schedule": 24 * 3600.0,
        "options": {"queue": "background", "expires": 12 * 3600},
    },
    "worker-heartbeat": {
        "task": "cases.tasks.record_heartbeat",
        "schedule": 10.0,
        "options": {"queue": "urgent", "expires": _FORGOTTEN_AFTER},
    },
}

# --- Who may sign in ----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    # First, because its word is final: Django's permission tables are never asked.
    "accounts.backends.RoleBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignupAdapter"
ACCOUNT_FORMS = {
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "skinclinic"
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
# In the session, not in a cookie: a message may name the file of a photo, and files are named after people.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        # Not a script: which page the browser may fetch ahead (static/js/ahead.js).
        "script-src": [SELF, "'inline-speculation-rules'"],
        "style-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- REST API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # Deny by default: a view that names no permission still asks for a signed-in person.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["cases.api.parsers.PlainJson"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "cases.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "cases.api.schema.ClinicAutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.PerTokenThrottle"],
    "EXCEPTION_HANDLER": "cases.api.errors.handle",
}
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=1200)
REST_KNOX = {"TOKEN_MODEL": "accounts.ApiToken", "TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token"}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 (the name of a model)
# Our ApiToken takes the place of Knox's own model; Knox's migrations would build its table all the same.
MIGRATION_MODULES = {"knox": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "skinclinic API",
    "DESCRIPTION": (
        "Patients, lesions, cases, photos, predictions and reads of the clinics that you may see.\n\n"
        "Sign in with `Authorization: Token …`; a clinic's admin makes the token in the admin pages. "
        "Lists come newest first, a page at a time: follow `next`. "
        "An id that is unknown or not yours to see answers 404, wherever it stands."
    ),
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False, "validatorUrl": None},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "CaseStateEnum": "cases.models.CaseState",
        "PredictionStateEnum": "cases.models.PredictionState",
        "ModelStateEnum": "inference.models.ModelState",
        "AnswerEnum": "cases.models.Answer",
        "ConsentEnum": "cases.models.Consent",
        "ImageKindEnum": "cases.models.ImageKind",
        "RoleEnum": "accounts.roles.Role",
        "UrgencyEnum": ["urgent", "soon", "routine"],
    },
}

# --- Words, places, times -----------------------------------------------------------------------------
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_I18N = True
FORMAT_MODULE_PATH = ["skinclinic.formats"]
USE_TZ = True

# --- Files --------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(VAR / "media")))
# Photos in S3-compatible storage instead; credentials by boto3's own variables (cases/photo/object_storage.py).
S3_BUCKET = env.str("S3_BUCKET", default="")
AWS_REGION = env.str("AWS_REGION", default="") or "us-east-1"
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="").rstrip("/")
# Where browsers reach the same storage; only for PHOTOS_SERVED_BY=storage.
S3_PUBLIC_URL = env.str("S3_PUBLIC_URL", default="").rstrip("/") or S3_ENDPOINT_URL
# Who sends a photo's bytes once a door has let the person in: app, nginx or storage (cases/photo/files.py).
PHOTOS_SERVED_BY = env.str("PHOTOS_SERVED_BY", default="app")
if PHOTOS_SERVED_BY == "storage":
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append(S3_PUBLIC_URL)
STORAGES = {
    "default": {
        "BACKEND": "cases.photo.object_storage.ObjectStorage",
        "OPTIONS": {
            "bucket": S3_BUCKET,
            "endpoint": S3_ENDPOINT_URL,
            "public": S3_PUBLIC_URL,
            "region": AWS_REGION,
        },
    }
    if S3_BUCKET
    else {"BACKEND": "cases.photo.storage.DurableFileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Photos are patient data: the owner alone reads them on disk.
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_HANDLERS = [
    "cases.photo.uploads.SizeLimitHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "cases.photo.uploads.SpoolHandler",
]
FILE_UPLOAD_TEMP_DIR = env.str("UPLOAD_TEMP_DIR", default="") or None
WHITENOISE_MANIFEST_STRICT = False

# Limits on a photo, enforced before it is decoded (cases/photo/intake.py).
PHOTO_MAX_BYTES = env.int("PHOTO_MAX_MEGABYTES", default=40) * 1024 * 1024
PHOTO_MAX_PIXELS = env.int("PHOTO_MAX_MEGAPIXELS", default=100) * 1_000_000
PHOTO_MIN_SIDE = env.int("PHOTO_MIN_SIDE", default=200)

# --- Models -------------------------------------------------------------------------------------------
SHIPPED_BUNDLE = BASE_DIR / "inference" / "bundles" / "lite2-pad-1"
BUNDLE_ROOT = Path(env.str("BUNDLE_ROOT", default=str(VAR / "bundles")))
# A candidate may not be this much worse than the active model at finding what is malignant (inference/promotion.py).
PROMOTION_SENSITIVITY_MARGIN = env.float("PROMOTION_SENSITIVITY_MARGIN", default=0.05)
# Held-out photos that candidate and active model are compared on: SPLIT/CLASS/photo.jpg or CLASS/photo.jpg.
EVALUATION_DATA_DIR = env.str("EVALUATION_DATA_DIR", default="")
# Photos that leads may have a model learn from, beside their signed cases; laid out in the same way.
TRAINING_DATA_DIR = env.str("TRAINING_DATA_DIR", default="")

# --- Predictions (cases/prediction/) ------------------------------------------------------------------
PREDICTION_LEASE_SECONDS = env.int("PREDICTION_LEASE_SECONDS", default=60)
PREDICTION_MAX_ATTEMPTS = 3

# --- Metrics (skinclinic/metrics.py) ------------------------------------------------------------------
# What a scraper must send to be let in; empty: there are none.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Mail ---------------------------------------------------------------------------------------------
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR / "mail"
# A worker must not hang on a mail server that does not answer.
EMAIL_TIMEOUT = 10
# What links in mails begin with; the same address that people type.
PUBLIC_URL = (env.str("PUBLIC_URL", default="") or [*CSRF_TRUSTED_ORIGINS, "http://localhost:8000"][0]).rstrip("/")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="skinclinic <noreply@localhost>")

LOGGING = logs.configuration(json=env.bool("LOG_JSON", default=False), level=env.str("LOG_LEVEL", default="INFO"))
AUDITLOG_DISABLE_REMOTE_ADDR = False
