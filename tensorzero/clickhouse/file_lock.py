"""Advisory locks that die with their process: flock, or msvcrt's on Windows.

A file system that knows no flock may know the record locks of Linux that belong to an open file as flock's do; where it knows
neither, that is an error with a name, and not somebody else's lock.
"""

from __future__ import annotations

import errno
import os
import sys

if sys.platform == "win32":
    import msvcrt

    _FAR = 0x7FFF0000  # beyond the data: Windows keeps others from reading a locked range

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process; False while another one holds it."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True
else:
    import fcntl
    import struct

    _HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    _UNKNOWN = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)

    def try_lock(descriptor: int) -> bool:
        """Lock the open file for this process; False while another one holds it.

        Raises OSError where the file system has no locks.
        """
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            if error.errno not in _UNKNOWN or not hasattr(fcntl, "F_OFD_SETLK"):
                raise
            return _try_record_lock(descriptor, error)
        return True

    def _try_record_lock(descriptor: int, unknown: OSError) -> bool:
        whole_file = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, whole_file)
        except OSError as error:
            if error.errno in _HELD:
                return False
            raise unknown from None
        return True
