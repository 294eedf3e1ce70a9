"""What has to be set for a comment that was acknowledged to outlive a crash and a power cut: docs/durability.md."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from .db import MYSQL_RECYCLE_SECONDS, Base
from .findings import Finding

MOUNTS = Path("/proc/self/mounts")  # of Linux
# File systems that other machines write in as well, or that do not say when something is on the disk.
NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|coda|gfs2?|glusterfs|lustre|ncpfs|ocfs2|vboxsf|virtiofs"
    r"|fuse|fuse\.(?!fuse-overlayfs$).*"
)
MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
NO_FLUSH = frozenset({"nobarrier", "barrier=0"})
LEAST_FREE_MB = 64

IN_MY_CNF = "Set it under [mysqld] in the server's my.cnf and restart the server, or ask your host to."


class Mount(NamedTuple):
    """Where a file system stands in the tree, what kind it is of, and how it was mounted."""

    place: Path
    kind: str
    options: frozenset[str]


def mount_of(path: Path) -> Mount | None:
    """Return the mount that `path` is in, None where the system does not tell."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    path = path.resolve()
    found = None
    for _, place, kind, options, *_ in (line.split(" ") for line in lines if line.count(" ") >= 3):
        where = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place))
        # Of two at one place, the one mounted later is what is seen.
        if path.is_relative_to(where) and (found is None or len(where.parts) >= len(found.place.parts)):
            found = Mount(where, kind, frozenset(options.split(",")))
    return found


def sqlite_findings(connection: Connection) -> Iterator[Finding]:
    """Yield what an SQLite file and the disk it is on have to be."""
    mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    level = connection.execute(text("PRAGMA synchronous")).scalar_one()
    yield Finding(
        "durability",
        (mode == "wal" and level >= 2) or (mode in ("delete", "truncate", "persist") and level >= 3),
        f"journal mode {mode}, synchronous {level}",
        "A power cut would lose comments: let nothing but the site set journal_mode and synchronous, and put the data "
        "folder on a disk of this machine.",
    )
    keys = connection.execute(text("PRAGMA foreign_keys")).scalar_one()
    yield Finding(
        "foreign keys",
        bool(keys),
        "are kept" if keys else "are not kept",
        "Let nothing switch PRAGMA foreign_keys off.",
    )
    file = next((row.file for row in connection.execute(text("PRAGMA database_list")) if row.name == "main"), "")
    if not file:
        yield Finding("disk", False, "the comments are in memory only", "Name a file in COMMENTSITE_DATABASE_URL.")
        return
    yield _disk(Path(file))
    yield _space(Path(file))


def _disk(file: Path) -> Finding:
    mount = mount_of(file)
    move = "Put the data folder on a disk of this machine (COMMENTSITE_DATA_DIR)"
    if mount is None:
        return Finding("disk", True, f"{file} is on a file system that this machine says nothing about")
    if mount.kind in MEMORY_FILE_SYSTEMS:
        return Finding("disk", False, f"{file} is in memory ({mount.kind}) and gone with the next start", f"{move}.")
    if NETWORK_FILE_SYSTEMS.fullmatch(mount.kind):
        remedy = f"{move}, or use MySQL or MariaDB."
        return Finding("disk", False, f"{file} is on a network file system ({mount.kind})", remedy)
    if mount.options & NO_FLUSH:
        remedy = f"Mount it without {', '.join(sorted(mount.options & NO_FLUSH))}."
        return Finding("disk", False, f"{mount.place} is mounted so that a power cut loses what was flushed", remedy)
    return Finding("disk", True, f"{file} is on {mount.kind}")


def _space(file: Path) -> Finding:
    free_mb = shutil.disk_usage(file.parent).free // (1024 * 1024)
    return Finding(
        "space",
        free_mb >= LEAST_FREE_MB,
        f"{free_mb} MiB are free",
        f"Make space on the disk of {file.parent}: without any, posts are refused.",
    )


@dataclass(frozen=True)
class Needed:
    """A setting of the server: the values that are right, or those that are wrong, and what follows from others."""

    name: str
    harm: str
    right: frozenset[str] = frozenset()
    wrong: frozenset[str] = frozenset()
    remedy: str = IN_MY_CNF

    def is_kept(self, value: str) -> bool:
        return value in self.right if self.right else value not in self.wrong


ON, OFF = frozenset({"ON", "1"}), frozenset({"OFF", "0"})
NOT_FROM_THE_URL = "Remove init_command= from COMMENTSITE_DATABASE_URL, and this from the server's init_connect."

# What these tell is the same on MySQL 8 and MariaDB; a name that one of them does not know is left out.
NEEDED = (
    Needed(
        "innodb_flush_log_at_trx_commit", "a power cut loses the comments of the last second or more", frozenset("1")
    ),
    Needed("innodb_doublewrite", "a power cut can tear a page of the tables", wrong=OFF | {"DETECT_ONLY"}),
    Needed("innodb_flush_method", "nothing is flushed to the disk", wrong=frozenset({"nosync", "littlesync"})),
    Needed("innodb_force_recovery", "the server runs to be rescued, not to be written to", frozenset("0")),
    Needed("innodb_read_only", "nothing can be posted", OFF),
    Needed("read_only", "nothing can be posted: this is a replica, or somebody stopped writing", wrong=ON),
    Needed("default_storage_engine", "new tables would not be kept through a crash", frozenset({"InnoDB"})),
    Needed("foreign_key_checks", "replies could lose what they reply to", ON, remedy=NOT_FROM_THE_URL),
    Needed("unique_checks", "a post that is sent twice could appear twice", ON, remedy=NOT_FROM_THE_URL),
    Needed("time_zone", "times are stored in another zone", frozenset({"+00:00", "UTC"}), remedy=NOT_FROM_THE_URL),
)
BINARY_LOG = Needed("sync_binlog", "with log_bin on, a power cut loses what this log had not written", frozenset("1"))
GALERA = (
    Needed("wsrep_certify_nonPK", "rows can differ between the nodes", ON),
    Needed(
        "wsrep_sync_wait",
        "who has posted may not see it at another node",
        wrong=frozenset(str(value) for value in range(0, 16, 2)),  # its lowest bit is that of reads
        remedy="List the cluster's hosts in COMMENTSITE_DATABASE_URL, and the site asks for it.",
    ),
)
OURS_BY_ENGINE = "SELECT table_name, engine FROM information_schema.tables WHERE table_schema = DATABASE()"


def mysql_findings(connection: Connection) -> Iterator[Finding]:
    """Yield what the settings of a MySQL or MariaDB server, and the tables there, have to be."""
    names = [each.name for each in (*NEEDED, BINARY_LOG, *GALERA)]
    asked = ", ".join(f"'{name}'" for name in (*names, "log_bin", "wsrep_on", "wait_timeout", "max_connections"))
    shown = connection.execute(text(f"SHOW VARIABLES WHERE Variable_name IN ({asked})"))
    yield from settings_findings({row[0]: row[1] for row in shown})
    yield from _tables(connection)


def settings_findings(values: Mapping[str, str]) -> Iterator[Finding]:
    """Yield one finding for each setting that breaks the promise, or one for all that are as they have to be."""
    if NEEDED[0].name not in values:
        yield Finding(
            "durability", False, f"the server does not tell {NEEDED[0].name}", "Ask your host whether it is 1."
        )
    needed = [*NEEDED, *([BINARY_LOG] if values.get("log_bin") in ON else [])]
    needed += GALERA if values.get("wsrep_on") in ON else ()
    told = [each for each in needed if each.name in values]
    wrong = [each for each in told if not each.is_kept(values[each.name])]
    for each in wrong:
        yield Finding(each.name, False, f"is {values[each.name]}: {each.harm}", each.remedy)
    if not wrong and NEEDED[0].name in values:
        yield Finding("durability", True, ", ".join(f"{each.name} {values[each.name]}" for each in told))
    yield _connections(values)


def _connections(values: Mapping[str, str]) -> Finding:
    idle, most = values.get("wait_timeout", "?"), values.get("max_connections", "?")
    ours = "" if not idle.isdigit() or int(idle) > MYSQL_RECYCLE_SECONDS else ", and the site opens them anew"
    return Finding("connections", True, f"{most} at most; the server ends idle ones after {idle} s{ours}")


def _tables(connection: Connection) -> Iterator[Finding]:
    engines = {row[0]: row[1] for row in connection.execute(text(OURS_BY_ENGINE))}
    for table in sorted({*Base.metadata.tables, "alembic_version"} & engines.keys()):
        if engines[table] != "InnoDB":
            yield Finding(
                f"engine of {table}",
                False,
                f"is {engines[table]}, which a crash can leave damaged",
                f"Type in the MySQL console: ALTER TABLE {table} ENGINE=InnoDB;",
            )
