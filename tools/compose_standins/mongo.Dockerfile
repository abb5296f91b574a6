# Stands in for MongoDB: SecantusDB speaks its protocol. No mongosh, no replica set to initiate.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
COPY secantusdb.lock /tmp/secantusdb.lock
RUN python3 -m venv /opt/secantus \
	&& /opt/secantus/bin/pip install --no-cache-dir --require-hashes --no-deps -r /tmp/secantusdb.lock \
	&& useradd --system --uid 999 --home-dir /data/db mongodb \
	&& install -d -o mongodb /data/db /data/configdb
VOLUME /data/db /data/configdb
EXPOSE 27017
CMD ["/opt/secantus/bin/secantusd-py", "--host", "0.0.0.0", "--storage-path", "/data/db"]
