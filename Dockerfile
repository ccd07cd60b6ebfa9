# Two images from one file: `serving` (web, workers, beat; no TensorFlow) and `trainer`.
#   docker build --target serving -t skinclinic:serving .
FROM python:3.11.14-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NO_BOOTSTRAP=1 \
    VAR_DIR=/var/lib/skinclinic \
    PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv \
    && groupadd --system --gid 10001 skinclinic \
    && useradd --system --uid 10001 --gid skinclinic --home-dir /var/lib/skinclinic --no-log-init skinclinic \
    && install --directory --owner skinclinic --group skinclinic --mode 0700 /var/lib/skinclinic
WORKDIR /srv/skinclinic

FROM base AS serving-packages
# requirements-s3.txt for those who keep photos in object storage.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-s3.txt ./
RUN pip install --no-deps --require-hashes -r ${REQUIREMENTS} && python -m compileall -q /opt/venv

FROM serving-packages AS trainer-packages
COPY requirements-train.txt ./
RUN pip install --no-deps --require-hashes -r requirements-train.txt && python -m compileall -q /opt/venv

FROM trainer-packages AS trainer
COPY . .
USER skinclinic
VOLUME /var/lib/skinclinic
CMD ["celery", "-A", "skinclinic", "worker", "--pool", "solo", "-Q", "training", "--loglevel", "INFO"]

# The last stage is what a build without --target makes.
FROM serving-packages AS serving
COPY . .
USER skinclinic
VOLUME /var/lib/skinclinic
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/healthz', headers={'Host': 'localhost'}), timeout=4)"]
CMD ["gunicorn", "skinclinic.wsgi", "--bind", "0.0.0.0:8000"]
