"""Templates as they are once compiled, kept from one start to the next.

To compile the templates of a page takes nearly a tenth of a second, and each process had to before its first page.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any
from zlib import crc32

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket

OPTIONS = {"trim_blocks": True, "lstrip_blocks": True}


class CompiledTemplates(FileSystemBytecodeCache):
    """Keeps templates beside the compiled modules, where none but who may change the program writes.

    Where this process may not write, it compiles for itself. A template that is not as it was when it was compiled is
    compiled again, and so are all with another Jinja or other `options` of it. What a filter makes of a constant is
    kept too, so no template may have one of ours do that: it could make something else in the next version.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        folder = Path(cache_from_source(__file__)).parent
        made_by = crc32(repr([version("jinja2"), *options.items()]).encode())
        super().__init__(str(folder), f"template-{made_by:08x}-%s.bin")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take into `bucket` what is kept for it, if that is whole."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # pickle raises nearly anything where a file was cut off
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what is in `bucket`, if Python is to keep what it compiles."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
