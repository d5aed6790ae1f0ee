"""`python -m analysis` is the `npl` command."""

from analysis.cli import main

main()
