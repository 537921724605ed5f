"""`python -m deployments.cli` is the `fulcrum` command."""

from deployments.cli import main

main()
