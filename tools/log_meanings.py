"""What each log event of level warning or error means to whoever runs the platform.

`tools/log_events.py` puts these into docs/reference/log-events.md, and fails for an event that has none
here and for a line here that no code logs any more.
"""

MEANINGS = {
    # Backends
    "a backend does not answer": "A readiness probe was answered 503 because of it.",
    "a backend is away": "It answered 15 seconds ago and does not now; `kasal_backend_up` is 0.",
    "the database does not answer": "A request was answered 503. Runs wait and write later.",
    "the database has stopped answering and is killed": (
        "The database of `make run` was silent for `KASAL_DATABASE_SILENCE`. It is started again, three "
        "times within ten minutes at most; what it had acknowledged is in its journal."
    ),
    "the database has been started again": "Services connect by themselves, and runs go on.",
    "a database call failed": "MongoDB refused a command: a bug or a broken index; answered 500.",
    "the database client did not close in time": "The process ends all the same; nothing is lost.",
    "the message broker cannot be reached": "Tried again until it is there; said once per outage.",
    "the message broker takes nothing: it is short of memory or disk": (
        "Its alarm is set (`rabbitmqctl status`). Jobs are taken and run all the same; events wait in the "
        "store until it takes messages again."
    ),
    "the connection to the message broker was lost": "It is made again, with all consumers.",
    "connecting to the message broker failed with a bug": "Tried again until it works. Report it.",
    "work in the background failed": "A bug: `work` names what was not done. Report it.",
    "work in the background failed and begins again": (
        "A bug, or a backend that failed in an unusual way; `work` names what goes on after a pause."
    ),
    "work in the background failed and will be repeated": (
        "The same; `work` comes again at its next time."
    ),
    "what follows a reconnect has failed": "A bug: what reloads after an outage may be stale.",
    "redis is away: counting and checking alone": (
        "Limits are counted per gateway, revocations come from its own copy."
    ),
    "a service cannot be asked": "A request was answered 503 or 504: that service did not answer.",
    "the events service cannot be reached": "A WebSocket was refused; clients come back.",
    "waiting for a backend": "The process starts when it answers; it does not end.",
    "a migration could not prove itself alive": (
        "The database did not answer `migrate`; another migration may take over after 10 seconds."
    ),
    # Requests
    "a request failed with a bug": "Answered 500. The traceback is in the line: report it.",
    "the gateway failed": "It could not start or stop; the process ends.",
    "idempotency receipts could not be swept; they are tried again": (
        "They count for nothing any more, but take room: swept again within ten minutes."
    ),
    "the plan could not be looked up": "Auth was away; the plan last known, or the free one, holds.",
    # Messages
    "a message waits for a backend": "It is tried again until the backend is back.",
    "a message failed": "It is tried again; after its last try it is a dead letter.",
    "a message cannot be dealt with": (
        "A bug: it goes back to its queue, and is a dead letter when the broker has seen it too often."
    ),
    "work on a message failed with a bug": "The next message has its turn. Report it.",
    "work on a message was ended from within": (
        "The client library cancelled it; a message of a queue that was not acknowledged comes again."
    ),
    "a message could not be handled": "An event or a stop that nobody tries again: a bug.",
    "a message is a dead letter": "It waits in `dead-letters` with its reason: `make dead-letters`.",
    "a message is not an event": "Somebody published to `events` what is none; it was dropped.",
    "a message is no revocation": "Somebody published to `sessions`; all revocations are read anew.",
    # Sessions and tokens
    "revocations could not be loaded": "The copy in hand goes on; tried again within seconds.",
    "loading the revocations failed with a bug": "The copy in hand goes on. Report it.",
    "a revocation will be written to Redis later": "The doors are told over the bus meanwhile.",
    "a revocation will be published later": "The doors find it in Redis meanwhile.",
    "the doors' copy cannot be kept now": "Redis or the bus is away; brought up to date after it.",
    "the doors' copy could not be kept": "A bug: revocations may reach doors late. Report it.",
    "failed logins are counted in this process alone": "Redis is away; each auth counts by itself.",
    "a count of failed logins could not be cleared": "Redis is away; the count runs out by itself.",
    "a letter was dropped: too many wait for the mail server": (
        "`KASAL_SMTP_URL` does not keep up; who waits for the letter asks again, or is handed the token."
    ),
    "a letter cannot be written": "An address or a name does not fit into a letter; it is not sent.",
    "a letter is sent again later": "The mail server did not take it; tried four times in all.",
    "a letter could not be sent": (
        "The mail server refused it or stayed away. An invitation's token can be handed over; for a "
        "password: `python -m auth reset-password EMAIL`."
    ),
    "letters were dropped at the end": "auth was told to stop while they waited for the mail server.",
    "an errand was dropped: too many wait": "Too many asked for new passwords; they ask again.",
    "an errand failed": "A letter for a forgotten password was not written. The traceback says why.",
    "the signing keys could not be read; those held go on": "Rotation waits until they can be.",
    "a token could not be exchanged again": "A socket goes on with its token until that expires.",
    "exchanging a token again failed with a bug": "A socket's token is tried again. Report it.",
    # Jobs
    "the database waits for room on its disk": (
        "It has failed on a full disk; it is started again once `bytes_needed` are free in `folder`."
    ),
    "a job is given up": "It has lost as many workers as it may: `ATTEMPTS_EXHAUSTED`.",
    "a job waits for its crew": "Crews does not answer; the job stays queued and is tried again.",
    "a job is handed back: it is not run here": "After a store outage; another claim takes it.",
    "the worker waits for calls that must not be made twice": (
        "It was told to stop; their jobs are handed over when they have ended, at the latest after `seconds`."
    ),
    "the worker is told to stop at once": "By a second signal: calls under way are cut off.",
    "a call is cut off: its outcome will not be known": (
        "`KASAL_DRAIN_SECONDS` was too short for it, or the stop was hastened: the crew's "
        "`on_unknown_outcome` decides."
    ),
    "a job could not be handed back": "Others take it over when this worker's lease has run out.",
    "a run is cut off: its job is no longer ours": "This worker was thought dead and is fenced off.",
    "a run is given up: the store stays away": "Longer than KASAL_STORE_PATIENCE; resumed later.",
    "a run could not be finished": "A bug; the job is taken over when its lease has run out.",
    "a run failed with a bug": "The job has failed with `INTERNAL_ERROR`. Report it.",
    "the journal failed": "A bug while events were stored; the run ends, others resume the job.",
    "the worker waits for the store": "MongoDB does not answer; each round is tried again.",
    "a worker's round failed and will be repeated": "A bug in the worker's upkeep. Report it.",
    "the lease is left to run out": "At the end of a worker; its jobs go on after 2 seconds.",
    "a tail stays long": "Events could not be copied to the traces; the next batch tries again.",
    "a waiting job's tail stays": "The same, for a job that waits for a person; a sweep does it.",
    "ended jobs wait to be settled": "MongoDB does not answer; tried again every 2 seconds.",
    "ended jobs could not be settled": "A bug: they stay open, and are tried again. Report it.",
    "events of ended jobs wait for the bus": "The broker is away: they are stored, and published later.",
    "events wait for the bus": "They are stored, and are published when the broker takes them.",
    "a wake-up did not get out": "The broker is away; the job is found in the store instead.",
    "memory was not sent": "The broker is away: what this run would remember is not remembered.",
    "a memory made room for another key's": (
        "The crew has `KASAL_MEMORY_KEY_LIMIT` keys: what was remembered for its least used one is gone."
    ),
    "an entry of memory cannot be sent": "A bug: it is left out, those behind it are sent. Report it.",
    "counting failed and will be repeated": "A bug: gauges over all jobs and workers stand still meanwhile.",
    "a secret opens under no key": "`reseal` met one that no key in KASAL_SECRET_KEY opens.",
    # Models and tools
    "a model's library failed": "The call has failed with `MODEL_ERROR`; the traceback says where.",
    "a reply could not be priced": "A bug in the price list or its reader; the reply counts without a cost.",
    "tokens could not be priced": "The same, for what a request is expected to cost.",
    "the offline model stands in": "That model has no key here, and KASAL_MODEL_FALLBACK is set.",
    "a tool failed": "A bug in a tool; the model was told that it failed.",
    # Live events
    "a job could not be bound": "Its events come with the looks at the heads, each 2 s, until it is.",
    "a job stays bound": "Its events come to this process although nobody watches; harmless.",
    "events could not be read; trying again": "The executor's api is away; the client waits.",
    "the heads of watched jobs are not known": "The executor's api is away; asked again within 2 s.",
    "looking at the heads failed with a bug": "Missed events are found later. Report it.",
    "a subscription has failed": "The client was told so; it subscribes again.",
    "a socket failed with a bug": "The client was closed (1011) and comes back. Report it.",
    "a stream is broken off": "An SSE client comes back with `Last-Event-ID`.",
    "a job cannot be read and is left alone": "Its document does not fit this version: look at it, or upgrade.",
    "a job is left in the store": "The database was away at its turn: it is queued, and found there.",
    "a look for queued jobs failed and will be repeated": "Jobs wait for the next look. Report it.",
    "a job could not be claimed": "It is tried again each second; the others go on. Report it.",
    "what a run had in line is left out": "It could not be stored; the job ends with an error that says why.",
    "memory waits for the bus": "What runs remembered is kept in this worker and sent when the bus is back.",
    "the signing keys stay as they were": "Auth is away; known keys are trusted until it answers.",
    # make run
    "a service did not end in time": "`make run` cut it off; its jobs go on at the next start.",
    "a service did not end cleanly": "The reason is in the line; nothing stored is lost.",
    "the demo could not be made": "`make run` goes on without the demo user or crew.",
    "the demo could not be shown": "The platform runs; only the demo crew did not.",
}
