# Stands in for Redis' image, whose user and folder it has: Debian's Redis.
FROM kasal-standin/debian
RUN apt-get update \
	&& apt-get install -y --no-install-recommends redis-server redis-tools \
	&& rm -rf /var/lib/apt/lists/* \
	&& install -d -o redis -g redis /data
WORKDIR /data
VOLUME /data
EXPOSE 6379
CMD ["redis-server"]
