"""The two ways this package does I/O: blocking and asyncio.

Everything above (gateway, transports) is written once, as coroutines that await only what a `Runtime` offers. Under
`AsyncRuntime` they run on the caller's event loop. Under `BlockingRuntime` nothing ever suspends, so `drive` runs the same
coroutine to its end by hand: no loop, no thread, and a traceback reads straight through.
"""
