"""Reports: run a notebook in a clean process, check what it shows, publish it so that nothing is half done."""

import sys

# The library that checks notebook files compiles a grammar of internet addresses when it loads, which takes
# seconds in each process of a run. It does without where it finds none, and no notebook of ours holds an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
