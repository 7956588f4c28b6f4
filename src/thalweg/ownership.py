"""Whether anybody but the user and root can change a folder or a file: what is loaded from there is run.

Rights are looked at from the root down: a folder that only the user and root can write to, or that is sticky and holds
an entry of theirs, cannot have that entry replaced by others, so what was seen of the entry stays true.
"""

import errno
import os
import stat
from functools import cache
from pathlib import Path

_BY_GROUP, _BY_ANYBODY = stat.S_IWGRP, stat.S_IWOTH
_MOST_LINKS = 40
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # nor to wait for who writes to a pipe


def threat_to(folder: Path) -> str:
    """Why others may change what is in a folder, or put another in its place; "" where they cannot.

    What is not there yet is none. Windows shows neither owners nor rights to Python; there a folder is trusted within
    the user's own one, which Windows closes to others, and nowhere else.
    """
    if not hasattr(os, "geteuid"):
        return "" if _is_at_home(folder) else f"{folder} is not within your own folder"
    here, left, links = Path("/"), list(folder.absolute().parts[:0:-1]), 0
    while True:
        try:
            found = here.lstat()
        except OSError:
            return ""
        if not _is_own(found):
            return f"{here} belongs to another user"
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                return f"{here} is a link that leads nowhere"
            left += here.readlink().parts[::-1]
            here = here.parent
        elif _is_open(found, on_the_way=bool(left)):
            return f"{here} can be written to by others"
        if not left:
            return ""
        part = left.pop()
        here = here.parent if part == ".." else here / part


def read_own(path: Path) -> tuple[bytes, str]:
    """What is in a file, or why others may have written it. Raises OSError where it cannot be read.

    It is the open file that is looked at, whatever its name leads to later.
    """
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_LINKS)) as file:
            found = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and not _is_own(found):
                return b"", f"{path} belongs to another user"
            if hasattr(os, "geteuid") and found.st_mode & (_BY_GROUP | _BY_ANYBODY):
                return b"", f"{path} can be written to by others"
            return (file.read(), "") if stat.S_ISREG(found.st_mode) else (b"", f"{path} is no file")
    except OSError as error:
        if error.errno == errno.ELOOP:
            return b"", f"{path} is a link"
        raise


def _is_own(found: os.stat_result) -> bool:
    return found.st_uid in (0, os.geteuid())


def _is_open(found: os.stat_result, on_the_way: bool) -> bool:
    """Whether others may write to a folder so that it matters: on the way, only where they can replace its entries."""
    if on_the_way and found.st_mode & stat.S_ISVTX:
        return False
    by_group = bool(found.st_mode & _BY_GROUP) and not (on_the_way and _is_of_the_user_alone(found.st_gid))
    return by_group or bool(found.st_mode & _BY_ANYBODY)


@cache
def _is_of_the_user_alone(group: int) -> bool:
    """Whether a group is the one that many systems give each user, called alike: then ~/.cache may be open to it."""
    import grp
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return group == user.pw_gid and found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}


def _is_at_home(folder: Path) -> bool:
    try:
        return folder.resolve().is_relative_to(Path.home().resolve())
    except (OSError, RuntimeError):  # there is no home
        return False
