"""What an inference is given: the one reader of `input`, its content blocks, and the forms in which they travel.

Both transports use it: the embedded gateway takes what was read, HTTP sends it in its full form. It knows no configuration,
no client and no gateway.
"""
