"""No secret in what this package words itself: errors, reprs, logs, records and what a row keeps of a server's answer.

    learn(key)               where a key, a password or a URL with one is read
    mask(text)               the text without any secret that is known, however it is written there
    scrub(error)             an exception of somebody else, and everything in its chain, masked in place
    @discreet("headers")     a dataclass whose repr shows no secret and never raises

What a model answers is never changed: `content` is the caller's. The room imports nothing of this package.
"""
