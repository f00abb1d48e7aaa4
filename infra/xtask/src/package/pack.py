"""Packs a program as the `bootstrap` of a Lambda function: the same program becomes the same bytes on any day."""

import sys
import zipfile

# The first day that a zip can name.
EPOCH = (1980, 1, 1, 0, 0, 0)
# An ordinary file that everybody may run, in the upper half, where Unix has its mode.
MODE = 0o100755 << 16
UNIX = 3

program, archive = sys.argv[1:]
entry = zipfile.ZipInfo("bootstrap", EPOCH)
entry.create_system = UNIX
entry.external_attr = MODE
entry.compress_type = zipfile.ZIP_DEFLATED
with open(program, "rb") as file, zipfile.ZipFile(archive, "w") as packed:
    packed.writestr(entry, file.read(), compresslevel=9)
