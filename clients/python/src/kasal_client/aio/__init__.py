"""The client for asyncio. The package `sync` is made from it, and is not edited."""
