"""`python -m nightwatt.cli`: the command line without its console script."""

from nightwatt.cli.app import main

main()
