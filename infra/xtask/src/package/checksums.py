"""Writes SHA-256 checksums of files in a folder, as `sha256sum --check` reads them."""

import hashlib
import pathlib
import sys

folder, output, *names = sys.argv[1:]
folder = pathlib.Path(folder)
lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
(folder / output).write_text("".join(lines))
