# One service: docker build --file deploy/service.Dockerfile --build-arg SERVICE=decision .
# It is told everything by its environment: docs/configuration.md.

FROM python:3.13-slim AS dependencies
ARG SERVICE
WORKDIR /build
COPY pyproject.toml requirements.lock deploy/requirements_of.py ./
RUN test -n "$SERVICE" || { echo 'expected --build-arg SERVICE=<name of a service>' >&2; exit 1; }
# What the extra of this service needs, in the versions of the lock.
RUN python requirements_of.py "$SERVICE" >wanted.txt \
 && python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --quiet \
      --constraint requirements.lock --requirement wanted.txt

FROM python:3.13-slim
ARG SERVICE
RUN groupadd --system --gid 10001 stretto \
 && useradd --system --uid 10001 --gid stretto --no-create-home --shell /usr/sbin/nologin stretto
COPY --from=dependencies /venv /venv
WORKDIR /app
COPY libs libs
COPY services/__init__.py services/
COPY services/${SERVICE} services/${SERVICE}
RUN /venv/bin/python -m compileall -q libs services
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app/libs \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SERVICE=${SERVICE} \
    STRETTO_HEALTH_HOST=0.0.0.0 \
    STRETTO_HEALTH_PORT=8081
USER stretto
EXPOSE 8081
COPY deploy/healthcheck.py /healthcheck.py
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-S", "-E", "/healthcheck.py"]
# `exec`: the service itself is process 1 and hears the signals. Arguments are the service's own:
# `docker run stretto-workflow migrate`.
ENTRYPOINT ["sh", "-c", "exec python -m \"services.$SERVICE\" \"$@\"", "service"]
