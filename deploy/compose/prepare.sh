#!/bin/sh
# Makes what docker-compose.yml reads from .kasal/compose and is not there yet: secrets of this
# installation, and the files of settings. What is there is kept.
set -eu
cd "$(dirname "$0")/../.."
home=${KASAL_DATA_DIR:-.kasal}/compose
umask 077
mkdir -p "$home/secrets"

random() {
	head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

keep() { # keep NAME: standard input, unless the secret is there. Engines hand files on with their mode,
	# and the services are not their owner: the folder, not the file, is what nobody else can open.
	if [ -e "$home/secrets/$1" ]; then
		cat >/dev/null
	else
		cat >"$home/secrets/$1"
		chmod 444 "$home/secrets/$1"
	fi
}

password_in() { # password_in NAME: that of the URL in the secret
	sed 's#.*://[^:]*:\([^@]*\)@.*#\1#' "$home/secrets/$1"
}

random | keep kasal_service_secret
random | keep kasal_secret_key
random | keep mongo_root_password
random | keep mongo_key
random | keep grafana_password
echo "mongodb://kasal:$(random)@mongo:27017/?authSource=admin&replicaSet=rs0" | keep kasal_mongo_url
echo "amqp://kasal:$(random)@rabbitmq:5672/" | keep kasal_amqp_url
echo "redis://:$(random)@redis:6379/0" | keep kasal_redis_url
keep rabbitmq_conf <<END
default_user = kasal
default_pass = $(password_in kasal_amqp_url)
vm_memory_high_watermark.absolute = 640MiB
raft.wal_max_size_bytes = 67108864
END
keep redis_conf <<END
requirepass $(password_in kasal_redis_url)
appendonly yes
dir /data
END
[ -e "$home/settings.env" ] || cat >"$home/settings.env" <<'END'
# Settings of the services, one NAME=value a line; README.md lists them.
# Models without a key are answered by the offline model; take this line out for an error instead.
KASAL_MODEL_FALLBACK=offline
END
[ -e "$home/given.env" ] || : >"$home/given.env"
