"""zipcheck.py ZIP TREE: the archive holds what TREE holds: names, kinds, modes, contents, link targets, times to two seconds."""
import calendar
import os
import stat
import sys
import zipfile

archive, tree = zipfile.ZipFile(sys.argv[1]), os.path.abspath(sys.argv[2])
wrong = 0


def complain(text):
    global wrong
    wrong += 1
    if wrong <= 5:
        print(f"      {text}")


def stored_time(info):
    """The extended timestamp (seconds, UTC) when there is one, else the DOS time, whose zone nobody knows: None."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        if kind == 0x5455 and size >= 5 and extra[4] & 1:
            return int.from_bytes(extra[5:9], "little", signed=True)
        extra = extra[4 + size:]
    return None


expected = set()
for directory, directories, names in os.walk(tree):
    for name in directories + names:
        path = os.path.join(directory, name)
        is_directory = name in directories and not os.path.islink(path)
        expected.add(os.path.relpath(path, tree) + ("/" if is_directory else ""))
members = archive.namelist()
if len(members) != len(set(members)):
    complain("a name stands in it twice")
for name in sorted(expected ^ set(members))[:5]:
    complain(f"{name}: only in the {'tree' if name in expected else 'archive'}")
for info in archive.infolist():
    if info.filename not in expected:
        continue
    path = os.path.join(tree, info.filename)
    status = os.lstat(path)
    mode = info.external_attr >> 16
    if stat.S_IMODE(mode) != stat.S_IMODE(status.st_mode) and not stat.S_ISLNK(status.st_mode):
        complain(f"{info.filename}: mode {mode:o} instead of {status.st_mode:o}")
    when = stored_time(info)
    if when is not None and abs(when - int(status.st_mtime)) > 2:
        complain(f"{info.filename}: time {when} instead of {int(status.st_mtime)}")
    if when is None and not 1980 <= info.date_time[0] <= 2107:
        complain(f"{info.filename}: no sensible time {calendar.timegm(info.date_time + (0, 0, 0))}")
    if info.is_dir():
        continue
    content = archive.read(info)
    if stat.S_ISLNK(status.st_mode):
        if not stat.S_ISLNK(mode) or content != os.fsencode(os.readlink(path)):
            complain(f"{info.filename}: not the symbolic link that it was")
    else:
        with open(path, "rb") as file:
            if content != file.read():
                complain(f"{info.filename}: other content")
print(f"      {len(members)} members compared, {wrong} wrong")
sys.exit(wrong != 0)
