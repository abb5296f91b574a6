// The shard keys of the collections that grow with the jobs. Run it once, after the migrations:
//
//   mongosh "$KASAL_MONGO_URL" deploy/mongodb/shard.js
//
// What is not named here stays whole on its database's primary shard: it grows with users and crews,
// not with jobs. Tests hold every query of a job's way and every unique index to these keys
// (services/*/tests/integration/test_sharding.py); docs/how-to/scale.md says when to run it.
// With another KASAL_MONGO_DATABASE_PREFIX than kasal_, change the names.

sh.shardCollection("kasal_executor.executions", {_id: "hashed"});
sh.shardCollection("kasal_executor.traces", {job_id: "hashed"});
sh.shardCollection("kasal_executor.receipts", {_id: "hashed"});
sh.shardCollection("kasal_executor.counters", {_id: "hashed"});
sh.shardCollection("kasal_crews.activities", {_id: "hashed"});
sh.shardCollection("kasal_crews.memories", {_id: "hashed"});

// One collection each on shards of their own, if you name the shards:
// sh.moveCollection("kasal_auth.sessions", "shard-2");
