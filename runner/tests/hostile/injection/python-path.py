# attack: PYTHONPATH and PYTHONUSERBASE lead into writable folders, where no module lies yet.
# expect: Completed
# env: {"PYTHONPATH": "/work:/tmp", "PYTHONUSERBASE": "/work/.local"}

import json
import os
import sys

assert "json" in sys.modules and os.path.dirname(json.__file__) not in ("/work", "/tmp")
print("held")
