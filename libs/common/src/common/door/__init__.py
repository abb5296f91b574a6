"""What both doors, the gateway and events, check before they let a client in.

Rules, without an I/O library:

- `presentation`: where a request carries its token
- `origins`: which origins' pages may use the platform from a browser
- `credentials`: who a token speaks for; opaque tokens are exchanged at auth
- `refusals`: how many tokens an address may try that do not hold
- `revocations`: which tokens were revoked
- `doorkeeper`: all of it, in order

Their adapters are `peers` (auth over HTTP), `store` (Redis) and `messaging` (the bus). Each service puts
them together in its `wiring`; `settings` has what both can be set to.
"""
