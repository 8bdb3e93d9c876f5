# attack: NODE_OPTIONS, PERL5OPT, RUBYOPT and JAVA_TOOL_OPTIONS ask other interpreters to load files: no business of this one.
# expect: Completed
# env: {"NODE_OPTIONS": "--require /work/evil.js", "PERL5OPT": "-Mevil", "RUBYOPT": "-revil", "JAVA_TOOL_OPTIONS": "-javaagent:/work/evil.jar"}

import os

print("held" if os.environ.get("NODE_OPTIONS") in (None, "--require /work/evil.js") else "BROKEN: another value")
