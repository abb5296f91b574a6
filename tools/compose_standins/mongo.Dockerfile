# Stands in for MongoDB: SecantusDB speaks its protocol; users and passwords are real, the replica set
# and mongosh are not (mongosh.py does what docker-compose.yml asks of it).
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY requirements-dev.lock /tmp/
RUN python3 -m venv /opt/secantus \
	&& /opt/secantus/bin/pip install --quiet --no-cache-dir --require-hashes --no-deps -r /tmp/requirements-dev.lock \
	&& groupadd --gid 999 mongodb \
	&& useradd --uid 999 --gid mongodb --home-dir /data/db mongodb \
	&& install -d -o mongodb -g mongodb /data/db /data/configdb
COPY --chmod=755 mongosh.py /usr/local/bin/mongosh
COPY --chmod=755 mongod.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /data/db /data/configdb
ENV HOME=/data/db
EXPOSE 27017
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["mongod"]
