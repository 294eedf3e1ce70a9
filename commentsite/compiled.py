"""Templates as they are once compiled, kept from one start to the next.

To compile the templates of a page takes nearly a tenth of a second, and each process had to before its first page.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from threading import get_ident
from typing import Any
from zlib import crc32

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

OPTIONS = {"trim_blocks": True, "lstrip_blocks": True}


class CompiledTemplates(BytecodeCache):
    """Keeps templates beside the compiled modules, where none but who may change the program writes.

    Where this process may not write, it compiles for itself. A template that is not as it was when it was compiled is
    compiled again, and so are all with another Python, another Jinja or other `options` of it. What a filter makes of a
    constant is kept too, so no template may have one of ours do that: it could make something else in the next version.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.folder = Path(cache_from_source(__file__)).parent
        made_by = [sys.implementation.cache_tag, version("jinja2"), *options.items()]
        self._prefix = f"template-{crc32(repr(made_by).encode()):08x}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take into `bucket` what is kept for it, if that is whole."""
        try:
            bucket.bytecode_from_string(self._file(bucket).read_bytes())
        except Exception:  # pickle raises nearly anything where a file was cut off
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what is in `bucket`, if Python is to keep what it compiles."""
        if sys.dont_write_bytecode:
            return
        kept = self._file(bucket)
        # Not by tempfile: such a file is for one user alone, and on Windows it is tried for where none may be.
        written = kept.with_name(f"{kept.name}.{os.getpid()}-{get_ident()}")
        try:
            written.write_bytes(bucket.bytecode_to_string())
            written.replace(kept)
        except OSError:
            with suppress(OSError):
                written.unlink()

    def _file(self, bucket: Bucket) -> Path:
        return self.folder / f"{self._prefix}-{bucket.key}.bin"
