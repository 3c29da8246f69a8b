"""`make bench`: our clients beside the original, litellm and raw httpx, all against one mock, in interleaved rounds."""
