# A worker: docker build --file deploy/worker.Dockerfile --build-arg WORKER=path/to/worker.py .
# A worker of your own needs no more than this: Python, the package, the file with its handlers.

FROM python:3.13-slim AS dependencies
WORKDIR /build
COPY pyproject.toml requirements.lock deploy/requirements_of.py ./
RUN python requirements_of.py worker >wanted.txt \
 && python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --quiet \
      --constraint requirements.lock --requirement wanted.txt

FROM python:3.13-slim
ARG WORKER=docs/examples/backup/worker.py
# /data/backups: a volume that is mounted there gets this owner.
RUN groupadd --system --gid 10001 stretto \
 && useradd --system --uid 10001 --gid stretto --no-create-home --shell /usr/sbin/nologin stretto \
 && mkdir -p /data/backups && chown stretto:stretto /data/backups
COPY --from=dependencies /venv /venv
WORKDIR /app
COPY libs libs
COPY ${WORKER} worker.py
RUN /venv/bin/python -m compileall -q libs worker.py
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app/libs \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER stretto
# A list: the worker itself is process 1 and hears the signals.
ENTRYPOINT ["python", "-m", "stretto.cli.main", "worker", "/app/worker.py"]
