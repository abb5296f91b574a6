"""What each log event of level warning or error means to whoever runs the platform.

`tools/log_events.py` puts these into docs/reference/log-events.md, and fails for an event that has none
here and for a line here that no code logs any more.
"""

MEANINGS = {
    # Backends
    "a backend does not answer": "A readiness probe was answered 503 because of it.",
    "a backend is away": "It answered 15 seconds ago and does not now; `kasal_backend_up` is 0.",
    "a request cannot be answered now": "Another service cannot be reached; the request was answered 503 or 504.",
    "the database does not answer": "A request was answered 503. Runs wait and write later.",
    "a database call failed": "MongoDB refused a command: a bug or a broken index; answered 500.",
    "a blob is damaged": "Its pieces are not what was stored: restore a backup. The reader got an error.",
    "an upload is left to the sweep": "An upload broke off while the database did not answer; a sweep removes what it left within a day.",
    "a blob's pieces are left to the sweep": (
        "Storing it failed and so did removing the rest. Nobody sees it; a sweep removes it a day later."
    ),
    "the database client did not close in time": "The process exits anyway; nothing is lost.",
    "the message broker cannot be reached": "Retried until it answers; logged once per outage.",
    "the message broker accepts nothing: it is short of memory or disk": (
        "Its alarm is set (`rabbitmqctl status`). Jobs are still accepted and run; events wait in the "
        "store until the broker takes messages again."
    ),
    "the connection to the message broker was lost": "The process reconnects, with all consumers.",
    "connecting to the message broker failed with a bug": "Retried until it works. Report it.",
    "work in the background failed": "A bug: `work` names what was not done. Report it.",
    "work in the background failed and starts again": (
        "A bug, or a backend that failed in an unusual way; `work` names what starts again after a "
        "pause."
    ),
    "work in the background failed and will be repeated": (
        "The same; `work` runs again at its next time."
    ),
    "a callback after a reconnect failed": "A bug: data that is reloaded after an outage may be out of date.",
    "redis is away: counting and checking alone": (
        "Each gateway counts limits by itself, and checks revocations against its own copy."
    ),
    "a service cannot be reached": "That service did not answer; the request was answered 503 or 504.",
    "the events service cannot be reached": "A WebSocket was refused; clients reconnect.",
    "waiting for a backend": "The process waits for it and then starts; it does not exit.",
    "a migration could not renew its lock": (
        "The database did not answer `migrate`; another migration may take over after 10 seconds."
    ),
    "rows of answered questions stay": (
        "The database did not remove them from the inbox. Whoever meets them there does, and shows none."
    ),
    "a job with an expired question waits to be found": (
        "The message broker is away: a worker finds the job in the store within seconds."
    ),
    # Tools
    "a Python tool cannot be used": (
        "A function that an entry point of `kasal.tools` names: `reason` says what to change. It is left out."
    ),
    "a Python tool raised": "The operator's function failed with this traceback; its agent was told the error.",
    # Requests
    "a request failed with a bug": "Answered 500. The traceback is in the line: report it.",
    "the gateway failed": "It could not start or stop; the process exits.",
    "idempotency receipts could not be swept; will retry": (
        "They have expired but still take space. The next sweep is within ten minutes."
    ),
    "the plan could not be looked up": "Auth was down; the last known plan, or the free one, applies.",
    # Messages
    "a message waits for a backend": "It is retried until the backend is back.",
    "a message failed": "It is retried; after the last attempt it becomes a dead letter.",
    "a message cannot be processed": (
        "A bug: it goes back to its queue, and becomes a dead letter when the broker has delivered it "
        "too often."
    ),
    "work on a message failed with a bug": "The consumer continues with the next message. Report it.",
    "a library cancelled the work on a message": (
        "The client library cancelled it. If the message came from a queue and was not acknowledged, "
        "it is delivered again."
    ),
    "a message could not be handled": "A bug. It was an event or a stop, which nobody retries.",
    "a message is a dead letter": "It waits in `dead-letters` with its reason: `make dead-letters`.",
    "a message is not an event": "Somebody published something else to `events`; it was dropped.",
    "a message is not a revocation": (
        "Somebody published something else to `sessions`; all revocations are read again."
    ),
    # Sessions and tokens
    "revocations could not be loaded": "The current copy stays in use; retried within seconds.",
    "loading the revocations failed with a bug": "The current copy stays in use. Report it.",
    "a revocation will be written to Redis later": "Meanwhile, the gateway and events learn of it over the bus.",
    "a revocation will be published later": "Meanwhile, the gateway and events find it in Redis.",
    "the doors' copy cannot be kept now": "Redis or the bus is down; the copy is updated afterwards.",
    "the doors' copy could not be kept": "A bug: revocations may reach the gateway and events late. Report it.",
    "failed logins are counted in this process alone": "Redis is down; each auth process counts by itself.",
    "a count of failed logins could not be cleared": "Redis is down; the count expires by itself.",
    "a letter was dropped: too many wait for the mail server": (
        "`KASAL_SMTP_URL` is too slow. The recipient asks again, or gets the token by hand."
    ),
    "a letter cannot be written": "An address or a name is not valid in an e-mail; it is not sent.",
    "a letter is sent again later": "The mail server did not take it; there are four attempts in all.",
    "a letter could not be sent": (
        "The mail server refused it or stayed down. You can hand over an invitation's token yourself; "
        "for a password: `python -m auth reset-password EMAIL`."
    ),
    "letters were dropped at shutdown": "auth was told to stop while they waited for the mail server.",
    "an errand was dropped: too many wait": "Too many people asked for new passwords; they have to ask again.",
    "an errand failed": (
        "An e-mail for a forgotten password was not written. The traceback says why."
    ),
    "the signing keys could not be read; the known ones stay in use": "The keys in memory stay in use; rotation waits.",
    "a token could not be exchanged again": "The connection stays open; tried again every 5 seconds.",
    "auth exchanges no tokens for this door": (
        "Requests with API keys are answered 503. `reason` is what auth said, such as that "
        "`KASAL_SERVICE_SECRET` differs."
    ),
    "auth gave a token that does not hold here": (
        "Requests with API keys are answered 503. `reason` says why: clocks that differ, or a signing "
        "key that this process has not read yet."
    ),
    "exchanging a token again failed with a bug": "The exchange of a socket's token is retried. Report it.",
    # Embedded database
    "a thread of a database has ended": (
        "A bug: nothing more is written to the database in `path`, or read from it, until the process is"
        " restarted. What was acknowledged is kept. Report it."
    ),
    "a group of writes failed": (
        "The writes to the database in `path` were taken back; their callers got 503. Usually its disk is"
        " full. Writing goes on by itself once it is possible; until then this is not logged again."
    ),
    "a database is damaged": (
        "What could not be read or written in `path` was answered 500, and nothing was guessed. Stop the platform and"
        " bring the last backup back, as `reason` says: see [backups](../how-to/backup.md). Logged once a thread."
    ),
    "a failed group could not be taken back": (
        "SQLite did it by itself, or its file can neither be read nor written. See the reason of the"
        " failure before it."
    ),
    "a file did not close in time": (
        "Writes were still waiting for the disk `seconds` after the end. What was acknowledged is kept."
    ),
    # Jobs
    "a job is given up": "It has lost as many workers as it may: `ATTEMPTS_EXHAUSTED`.",
    "a job waits for its crew": "Crews does not answer; the job stays queued and is retried.",
    "a job is handed back: it is not run here": "After a store outage; another claim takes it.",
    "the worker waits for calls that must not be made twice": (
        "It was told to stop. It hands over their jobs when they have ended, or after `seconds` at "
        "the latest."
    ),
    "the worker is told to stop at once": "By a second signal: calls in progress are cut off.",
    "a call is cut off: its outcome will not be known": (
        "`KASAL_DRAIN_SECONDS` was too short for it, or a second signal came. The crew's "
        "`on_unknown_outcome` decides."
    ),
    "a job could not be handed back": "Others take it over when this worker's lease expires.",
    "a run is cut off: its job is no longer ours": "Others considered this worker dead and took over the job.",
    "a run is given up: the store stays down": (
        "The store was down for longer than KASAL_STORE_PATIENCE; the run is resumed later."
    ),
    "a run could not be finished": "A bug; the job is taken over when its lease expires.",
    "a run failed with a bug": "The job has failed with `INTERNAL_ERROR`. Report it.",
    "the journal failed": (
        "A bug while events were stored. The run ends here, and another worker resumes the job."
    ),
    "the worker waits for the store": "MongoDB does not answer; each round is retried.",
    "a worker's round failed and will be repeated": "A bug in the worker's housekeeping. Report it.",
    "the lease is left to run out": (
        "The worker stops, but could not remove its lease; its jobs continue elsewhere after 2 "
        "seconds."
    ),
    "a budget waits for the store": (
        "What was spent of a workspace's budget could not be written down; it is written when MongoDB answers."
    ),
    "a tail stays long": "Events could not be copied to the traces; the next batch retries.",
    "a waiting job's tail stays": "The same, for a job that waits for a person; a sweep copies it.",
    "ended jobs wait to be settled": "MongoDB does not answer; retried every 2 seconds.",
    "ended jobs could not be settled": "A bug: they stay open and are retried. Report it.",
    "events of ended jobs wait for the bus": "The broker is down: the events are stored, and published later.",
    "events wait for the bus": "They are stored, and published when the broker takes them.",
    "a wake-up did not get out": "The broker is down; workers find the job in the store instead.",
    "memory was not sent": "The broker is down: the memory of this run is lost.",
    "a memory was removed to make room for another key's": (
        "The crew has `KASAL_MEMORY_KEY_LIMIT` keys: the memory of the least recently used one was "
        "removed."
    ),
    "an entry of memory cannot be sent": "A bug: the entry is left out, and those after it are sent. Report it.",
    "counting failed and will be repeated": "A bug: meanwhile, gauges over all jobs and workers do not change.",
    "workers were not told of changed keys": "The bus is down. Workers use a workspace's earlier keys of models for up to "
    "five seconds more.",
    "no key opens a secret": "`reseal` found one that no key in KASAL_SECRET_KEY decrypts.",
    # Models and tools
    "a model's library failed": "The call failed with `MODEL_ERROR`; the traceback says where.",
    "a reply could not be priced": "A bug in the price list or its reader; the reply counts without a cost.",
    "tokens could not be priced": "The same, for the expected cost of a request.",
    "the offline model stands in": (
        "That model's provider has no key here, and KASAL_MODEL_FALLBACK is set."
    ),
    "a tool failed": "A bug in a tool; the model was told that it failed.",
    # Live events
    "a job could not be bound": "Until it is, its events come with the check of all heads, every 2 s.",
    "a job stays bound": (
        "Its events still come to this process although nobody watches; harmless."
    ),
    "workers could not be told what is watched": (
        "The broker is away: texts are not shown while they are written. They are told again within 3 s."
    ),
    "the deltas of a job end with a bug": (
        "Its texts are no longer shown while they are written; its events have them. Report it."
    ),
    "events could not be read; trying again": "The executor's api is down; the client waits.",
    "the heads of watched jobs could not be read": "The executor's api is down; retried within 2 s.",
    "reading the heads of watched jobs failed with a bug": "Missed events are found later. Report it.",
    "a subscription has failed": "The client got an error and subscribes again.",
    "a socket failed with a bug": "The socket was closed (1011), and the client reconnects. Report it.",
    "a stream was cut off": "An SSE client reconnects with `Last-Event-ID`.",
    "a job cannot be read and is left alone": "Its document does not fit this version: inspect it, or upgrade.",
    "a job is left in the store": "The database was down at its turn: it is queued, and found there.",
    "a search for queued jobs failed and will be repeated": "Jobs wait for the next search. Report it.",
    "a job could not be claimed": "It is retried every second; the others continue. Report it.",
    "pending events dropped: they could not be stored": "It could not be stored; the job ends with an error that says why.",
    "memory waits for the bus": (
        "This worker keeps what runs remembered, and sends it when the bus is back."
    ),
    "the signing keys could not be read again": "Auth is down; known keys are trusted until it answers.",
    # make run
    "a service did not end in time": "`make run` cut it off; its jobs continue at the next start.",
    "a service did not end cleanly": "The reason is in the line; nothing stored is lost.",
    "the demo could not be made": "`make run` goes on without the demo user or crew.",
    "the demo could not be shown": "The platform runs; only the demo crew did not.",
}
