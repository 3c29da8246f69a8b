"""Files and directories that belong to this user alone, whatever lay there before.

Another user of the machine may have made one, or a link, in the hope that a token or rows end up in it; an unpacked archive may
have left one that everybody reads. What is ours and safe to mend is mended; what is not is refused in words.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import sys
from pathlib import Path

from tensorzero.clickhouse.errors import NotPrivate

OTHERS = 0o077

logger = logging.getLogger("tensorzero")


def private_directory(directory: Path) -> None:
    """Make the directory for this user only, or see to it that it is so.

    One of ours that others could enter is closed to them, which the log says. Raises NotPrivate for a link, somebody else's
    directory, and one into which others have put something; OSError where it cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700, parents=True)
        return
    if sys.platform == "win32":  # a user's profile is private there, and modes mean nothing
        return
    found = os.lstat(directory)
    if stat.S_ISLNK(found.st_mode):
        raise _refusal(directory, "is a link", "Remove it, or name the place that it leads to.")
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))
    if found.st_uid != os.geteuid():
        raise _refusal(directory, "belongs to another user", "Remove it, take it over with `chown`, or use another directory.")
    if not found.st_mode & OTHERS:
        return
    directory.chmod(0o700)
    logger.warning("%s could be entered by other users; it is private now", directory)
    if found.st_mode & 0o022:
        foreign = [entry.name for entry in os.scandir(directory) if entry.stat(follow_symlinks=False).st_uid != found.st_uid]
        if foreign:
            raise _refusal(directory, f"holds what another user put there (`{foreign[0]}`)", "Look at it, and remove it.")


def check_private(directory: Path | None) -> None:
    """`private_directory` for one that is there already."""
    if directory is not None and os.path.lexists(directory):
        private_directory(directory)


def open_private(path: Path, *, create: bool) -> int:
    """A descriptor of the file at `path`, for reading and writing: a plain file of ours that nobody else can open.

    One of ours that others can open is replaced by a new one, unless `create` is false. Raises NotPrivate for what is not
    ours, FileNotFoundError where there is none to be read.
    """
    while True:
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open_existing(path)
            found = os.fstat(descriptor)
            if is_private(found):
                return descriptor
            os.close(descriptor)
            if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
                raise _refusal(path, "belongs to another user", "Remove it, or use another directory.")
            if not create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            # Whoever opened it while that was possible could read what is written into it later.
            path.unlink(missing_ok=True)
        if not create:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        with contextlib.suppress(FileExistsError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)


def is_private(found: os.stat_result) -> bool:
    """Whether it is a plain file of this user's, under one name, that no other user can open."""
    if sys.platform == "win32":
        return stat.S_ISREG(found.st_mode)
    ours = found.st_uid == os.geteuid() and not found.st_mode & OTHERS
    return ours and stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def still_there(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has the name now: somebody may have replaced it since it was opened."""
    try:
        named = os.lstat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), named)


_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def _open_existing(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | _FLAGS)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise _refusal(path, "is a link", "Remove it.") from None
        if error.errno in (errno.EACCES, errno.EPERM) and path.exists() and os.lstat(path).st_uid != os.geteuid():
            raise _refusal(path, "belongs to another user", "Remove it, or use another directory.") from None
        raise


def _refusal(path: Path, fault: str, hint: str) -> NotPrivate:
    return NotPrivate(f"`{path}` {fault}: it is not used, as others could read or forge what is in it", hint=hint)
