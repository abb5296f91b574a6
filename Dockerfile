# One image for all services: `docker run kasal gateway serve`, `executor work`, `auth migrate`.
#
# The base is pinned by version. To pin it by digest, give what `docker buildx imagetools inspect
# python:3.13.14-slim-trixie` prints: --build-arg PYTHON_IMAGE=python:3.13.14-slim-trixie@sha256:...
ARG PYTHON_IMAGE=python:3.13.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
WORKDIR /build
# What the services stand on, in an environment without pip. It changes seldom and has its own layer.
COPY requirements-services.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
	python3 -m venv --without-pip /opt/kasal \
	&& python3 -m pip --python /opt/kasal install --quiet --require-hashes --no-deps -r requirements-services.lock \
	&& find /opt/kasal -type d -name tests -prune -exec rm -rf '{}' +
# The services themselves, built by what requirements-build.lock names.
COPY requirements-build.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
	python3 -m venv /build/tools \
	&& /build/tools/bin/pip install --quiet --require-hashes --no-deps -r requirements-build.lock
COPY pyproject.toml ./
COPY libs/common libs/common
COPY services services
RUN /build/tools/bin/pip install --quiet --no-index --no-deps --no-build-isolation --no-cache-dir \
	--target /opt/services ./libs/common ./services/*/

FROM ${PYTHON_IMAGE} AS console
# The console's static files. The Node that builds them is PyPI's, and stays in this stage.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-node.lock ./
COPY tools/console.sh tools/console.sh
COPY clients/typescript clients/typescript
COPY console console
RUN --mount=type=cache,target=/root/.cache/pip --mount=type=cache,target=/root/.npm sh tools/console.sh build

FROM ${PYTHON_IMAGE}
# No pip, no way to install it, nothing for windows or editors; and the standard library compiled,
# which a root file system that is read only would have each start do again.
RUN groupadd --gid 10001 kasal \
	&& useradd --uid 10001 --gid kasal --home-dir /var/lib/kasal --no-create-home kasal \
	&& install -d -o kasal -g kasal /var/lib/kasal \
	&& find / -xdev -path '*/python3*' -type d \( -name pip -o -name 'pip-*' -o -name ensurepip \
	-o -name setuptools -o -name 'setuptools-*' -o -name wheel -o -name 'wheel-*' -o -name idlelib \
	-o -name turtledemo -o -name tkinter \) -prune -exec rm -rf '{}' + \
	&& find / -xdev -path '*/bin/*' \( -name 'pip*' -o -name 'idle*' \) -delete \
	&& python3 -m compileall -q -j 0 "$(python3 -c 'import os; print(os.path.dirname(os.__file__))')"
COPY --from=build /opt/kasal /opt/kasal
COPY --from=build /opt/services /opt/services
COPY --from=console /build/console/dist /opt/console

ENV PATH=/opt/kasal/bin:$PATH \
	PYTHONPATH=/opt/services \
	PYTHONDONTWRITEBYTECODE=1 \
	PYTHONUNBUFFERED=1 \
	KASAL_CONSOLE_DIR=/opt/console \
	KASAL_HOST=0.0.0.0 \
	KASAL_PORT=8000 \
	KASAL_METRICS_PORT=9100 \
	KASAL_LOG_FORMAT=json
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Kasal" \
	org.opencontainers.image.description="Runs crews of AI agents as a service" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}"
WORKDIR /var/lib/kasal
USER 10001:10001
EXPOSE 8000 9100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "common.process.probe"]
ENTRYPOINT ["python", "-m"]
CMD ["gateway", "serve"]
