"""What can go wrong with the database.

    StorageError                 message, and a next step in `hint` where there is one
    ├── InvalidDatabaseUrl       the URL itself
    ├── EngineMissing            chdb is not installed, or does not exist for this system
    ├── DatabaseUnavailable      nothing answers: worth another try later
    │   └── DatabaseHeld         another process holds the chdb directory and does not serve it
    ├── AfterFork                a read in a forked child of the process that holds chdb
    ├── NotPrivate               a file or directory of ours that another user could have made, or can read
    ├── SchemaMismatch           an older, partial or foreign database
    ├── QueryRefused             the database answered with an error: `code` is ClickHouse's number
    └── SpoolError               rows could not be kept: nothing of the call is acknowledged

No message and no repr carries a password: whatever the database or its driver says is masked when the error is made.
"""

from __future__ import annotations

from tensorzero.masking.chain import worded


class StorageError(Exception):
    """A failure of the database or of the spool in front of it."""

    is_masked = True

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = worded(message)
        super().__init__(self.message)
        self.hint = worded(hint)


class InvalidDatabaseUrl(StorageError):
    pass


class EngineMissing(StorageError):
    pass


class DatabaseUnavailable(StorageError):
    pass


class DatabaseHeld(DatabaseUnavailable):
    pass


class AfterFork(StorageError):
    pass


class NotPrivate(StorageError):
    pass


class SchemaMismatch(StorageError):
    pass


class QueryRefused(StorageError):
    """ClickHouse's own error. `code` is its number (None where it gave none), the message its text."""

    def __init__(self, message: str, *, code: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class SpoolError(StorageError):
    pass
