#!/bin/sh
# Writes the secrets of deploy/k8s/overlays/local, each once: random, for one cluster alone, not committed.
set -eu
umask 077
folder=${1:-deploy/k8s/overlays/local/secrets}
random() { od -An -N 32 -tx1 /dev/urandom | tr -d ' \n'; }
if [ -e "$folder" ]; then
	echo "$folder is there already; remove it for new ones."
	exit
fi
mkdir -p "$folder.new"
cd "$folder.new"
random >service-secret
random >secret-key
printf 'mongodb://mongo-0.mongo:27017/?replicaSet=rs0' >mongo-url
password=$(random)
printf 'default_user = kasal\ndefault_pass = %s\nraft.wal_max_size_bytes = 67108864\n' "$password" >rabbitmq.conf
printf 'amqp://kasal:%s@rabbitmq:5672/' "$password" >amqp-url
password=$(random)
printf 'requirepass %s\n' "$password" >redis.conf
printf 'redis://:%s@redis:6379/0' "$password" >redis-url
cd - >/dev/null
mv "$folder.new" "$folder" # all or nothing
