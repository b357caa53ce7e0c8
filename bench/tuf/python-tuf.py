# The peer: python-tuf as it is installed, its limits raised so that nothing fails by size.

import hashlib
import json
import resource
import shutil
import sys
import tempfile

from tuf.ngclient import Updater, UpdaterConfig

url, root_file, path = sys.argv[1:]
folder = tempfile.mkdtemp(prefix="python-tuf-")
with open(root_file, "rb") as f:
    root = f.read()
large = 500_000_000
config = UpdaterConfig(snapshot_max_length=large, targets_max_length=large)
updater = Updater(folder, url, folder, url + "targets/", config=config, bootstrap=root)
updater.refresh()
target = updater.download_target(updater.get_targetinfo(path), folder + "/target")
with open(target, "rb") as f:
    content = hashlib.sha256(f.read()).hexdigest()
shutil.rmtree(folder)
usage = resource.getrusage(resource.RUSAGE_SELF)
out = {
    "userCPUTime": usage.ru_utime * 1e6,
    "systemCPUTime": usage.ru_stime * 1e6,
    "maxRSS": usage.ru_maxrss,
    "content": content,
}
print(json.dumps(out), end="")
