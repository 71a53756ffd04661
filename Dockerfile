# One image for web, worker, relay and flower; docker-compose.yml and Procfile have their commands.
FROM python:3.12-slim AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/
RUN /opt/venv/bin/pip install --no-deps --require-hashes --only-binary :all: --requirement /tmp/requirements.txt

FROM node:24-slim AS pages
WORKDIR /build/web
COPY web .
RUN npm ci --no-audit --no-fund --ignore-scripts && npm run build

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 hummdesk && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin hummdesk
COPY --from=packages /opt/venv /opt/venv
WORKDIR /srv/hummdesk
COPY sql sql
COPY hummdesk hummdesk
COPY tasks tasks
COPY --from=pages /build/hummdesk/web hummdesk/web
RUN python -m compileall -q hummdesk tasks
# A new volume for attached files gets this owner.
RUN install -d -o 10001 -g 10001 -m 0700 /files
USER 10001:10001
EXPOSE 5000
# Liveness, not readiness: a restart does not repair an unreachable database. Load balancers use /health/ready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health/live', timeout=3)"]
CMD ["python", "-m", "hummdesk", "serve", "--host", "0.0.0.0"]
