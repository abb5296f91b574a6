# Stands in for the official Python image: Debian's own Python.
# (build.sh imported kasal-standin/debian from debootstrap.)
FROM kasal-standin/debian
RUN apt-get update \
	&& apt-get install -y --no-install-recommends python3 python3-pip python3-venv \
	&& rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info
