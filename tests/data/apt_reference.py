"""What apt itself knows of this machine's pending security updates: the reference that the updates kind is tested against.

Prints one line for each installed package of which a security source holds any newer version, whether or not apt would
choose it: "package architecture installed newest". Needs python3-apt. Reads the lists that are there, fetches nothing.
"""
import apt_pkg

apt_pkg.init()
cache = apt_pkg.Cache(None)


def is_security(file):
    names = (file.archive or "", file.codename or "")
    return file.label == "Debian-Security" or any(name.endswith("-security") for name in names)


lines = []
for package in cache.packages:
    installed = package.current_ver
    if installed is None:
        continue
    newest = None
    for version in package.version_list:
        if apt_pkg.version_compare(version.ver_str, installed.ver_str) <= 0:
            continue
        if not any(is_security(file) for file, _ in version.file_list):
            continue
        if newest is None or apt_pkg.version_compare(version.ver_str, newest.ver_str) > 0:
            newest = version
    if newest is not None:
        lines.append(f"{package.name} {installed.arch} {installed.ver_str} {newest.ver_str}")
for line in sorted(lines):
    print(line)
