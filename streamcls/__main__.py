"""`python -m streamcls` is the command line."""

from streamcls.cli import main

main()
