"""gzcheck.py TREE GZTREE: every file of TREE is in GZTREE with .gz, as one gzip member of the same content, and nothing else is."""
import os
import sys
import zlib

tree, packed = (os.path.abspath(name) for name in sys.argv[1:3])
wrong = count = 0


def complain(text):
    global wrong
    wrong += 1
    if wrong <= 5:
        print(f"      {text}")


for directory, _, names in os.walk(tree):
    for name in names:
        path = os.path.join(directory, name)
        if os.path.islink(path):
            continue
        count += 1
        target = os.path.join(packed, os.path.relpath(path, tree)) + ".gz"
        try:
            with open(target, "rb") as file:
                decoder = zlib.decompressobj(wbits=31)
                content = decoder.decompress(file.read()) + decoder.flush()
            with open(path, "rb") as file:
                if content != file.read():
                    complain(f"{target}: other content")
            if not decoder.eof or decoder.unused_data:
                complain(f"{target}: not exactly one member")
        except (OSError, zlib.error) as error:
            complain(f"{target}: {error}")
found = sum(not os.path.islink(os.path.join(d, n)) for d, _, names in os.walk(packed) for n in names)
if found != count:
    complain(f"{found} files instead of {count}")
print(f"      {count} files compared, {wrong} wrong")
sys.exit(wrong != 0)
