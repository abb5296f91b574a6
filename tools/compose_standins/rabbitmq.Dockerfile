# Stands in for RabbitMQ's image, whose user and folders it has: Debian's RabbitMQ 4 with management.
FROM kasal-standin/debian
RUN apt-get update \
	&& apt-get install -y --no-install-recommends rabbitmq-server \
	&& rm -rf /var/lib/apt/lists/* /var/lib/rabbitmq/.erlang.cookie /var/lib/rabbitmq/mnesia \
	&& install -d -o rabbitmq -g rabbitmq /var/lib/rabbitmq /etc/rabbitmq/conf.d \
	&& echo '[rabbitmq_management,rabbitmq_prometheus].' > /etc/rabbitmq/enabled_plugins \
	&& echo 'log.console = true' > /etc/rabbitmq/conf.d/10-defaults.conf
# Debian's programs in /usr/sbin change users; these do not.
ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8 RUNNING_UNDER_SYSTEMD=true PATH=/usr/lib/rabbitmq/bin:$PATH
VOLUME /var/lib/rabbitmq
EXPOSE 5672 15672
CMD ["rabbitmq-server"]
