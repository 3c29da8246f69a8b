"""What is logged: a filter on our own loggers, and on the one of an HTTP library that writes whole URLs."""

from __future__ import annotations

import logging

from tensorzero.masking.chain import scrub
from tensorzero.masking.mask import mask


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        try:
            told = record.getMessage()
        except (TypeError, ValueError):  # the logging module says what is wrong with it
            return True
        masked = mask(told)
        if masked is not told:
            record.msg, record.args = masked, None
        if record.exc_info and record.exc_info[1] is not None:
            scrub(record.exc_info[1])
        return True


_masking = _Masking()


def quiet(name: str) -> logging.Logger:
    """The logger of that name, which from now on shows no secret that is known."""
    logger = logging.getLogger(name)
    logger.addFilter(_masking)  # once, however often
    return logger
